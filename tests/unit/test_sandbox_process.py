"""All stand-ins in a process of their own, steered over HTTP."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests


@pytest.fixture(scope="module")
def facts() -> Iterator[dict]:
    command = [sys.executable, "-m", "managed_files.sandbox", "--max-file-bytes", "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield json.loads(process.stdout.readline())
        process.terminate()
        assert process.wait(10) == 0


def upload(server: dict, size: int) -> requests.Response:
    headers = {"Authorization": f"Bearer {server['api_key']}"}
    form = {"files": {"file": ("p.pdf", b"x" * size)}, "data": {"purpose": "vision"}}
    return requests.post(f"{server['url']}/v1/files", headers=headers, **form, timeout=10)


def test_options_are_heard(facts):
    assert [upload(facts["openai"], size).status_code for size in (1000, 1001)] == [200, 413]


def test_faults_requests_files_reset(facts):
    control = f"{facts['openai']['url']}/__sandbox__"
    requests.post(f"{control}/reset", timeout=10)
    requests.post(f"{control}/faults", json={"path": "/v1/files", "status": 503}, timeout=10)
    stored = [upload(facts["openai"], 3) for _ in range(2)][1].json()["id"]
    seen = [record["status"] for record in requests.get(f"{control}/requests", timeout=10).json()]
    files = [file["id"] for file in requests.get(f"{control}/files", timeout=10).json()["files"]]
    assert (seen, files) == ([503, 200], [stored])


def test_google_tells_its_service_account(facts):
    google = facts["google"]
    assert google["service_account"]["token_uri"] == f"{google['url']}/token"
