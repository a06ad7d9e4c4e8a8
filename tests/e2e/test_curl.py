"""The documented commands with curl."""

import json
import subprocess
from pathlib import Path

import pytest
from openai import OpenAI

from tests import files
from tests.e2e.calls import question, upload
from tests.e2e.gateway import MASTER_KEY, Gateway
from tests.e2e.providers import BOTH, GEMINI, GPT, Providers

AT_BOTH = {name: [files.pdf().sha256] for name in ("openai", "vertex_ai")}


def curl(gateway: Gateway, path: str, *arguments: str) -> str:
    """Runs curl as the documentation shows it; what it printed."""
    command = ["curl", "--silent", "--show-error", "--max-time", "30", f"{gateway.url}{path}"]
    key = ["-H", f"Authorization: Bearer {MASTER_KEY}"]
    done = subprocess.run([*command, *key, *arguments], capture_output=True, text=True, timeout=40)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def paper(tmp_path: Path) -> str:
    """The argument that names a PDF on disk."""
    path = tmp_path / "paper.pdf"
    path.write_bytes(files.pdf().data)
    return f"file=@{path}"


FIELDS = ("-F", "purpose=user_data", "-F", f"target_model_names={BOTH}")


def test_upload_with_the_file_last(gateway: Gateway, providers: Providers, paper: str) -> None:
    curl(gateway, "/v1/files", *FIELDS, "-F", paper)
    assert providers.stored() == AT_BOTH


def test_upload_with_the_file_first(gateway: Gateway, providers: Providers, paper: str) -> None:
    curl(gateway, "/v1/files", "-F", paper, *FIELDS)
    assert providers.stored() == AT_BOTH


def test_upload_with_the_file_between(gateway: Gateway, providers: Providers, paper: str) -> None:
    curl(gateway, "/files", *FIELDS[:2], "-F", paper, *FIELDS[2:])
    assert providers.stored() == AT_BOTH


def test_upload_without_a_length(gateway: Gateway, providers: Providers, paper: str) -> None:
    curl(gateway, "/v1/files", "-H", "Transfer-Encoding: chunked", *FIELDS, "-F", paper)
    assert providers.stored() == AT_BOTH


def test_targets_in_the_address(gateway: Gateway, providers: Providers, paper: str) -> None:
    curl(gateway, f"/v1/files?target_model_names={GPT},{GEMINI}", "-F", "purpose=user_data", "-F", paper)
    assert providers.stored() == AT_BOTH


def test_chat(client: OpenAI, gateway: Gateway) -> None:
    body = {"model": GEMINI, "messages": question(upload(client).id)}
    answer = curl(gateway, "/v1/chat/completions", "-H", "Content-Type: application/json", "-d", json.dumps(body))
    assert files.pdf().sha256 in json.loads(answer)["choices"][0]["message"]["content"]


def test_stream(client: OpenAI, gateway: Gateway) -> None:
    body = {"model": GEMINI, "messages": question(upload(client).id), "stream": True}
    answer = curl(gateway, "/v1/chat/completions", "-H", "Content-Type: application/json", "-d", json.dumps(body))
    assert answer.endswith("data: [DONE]\n\n")


def test_content(client: OpenAI, gateway: Gateway) -> None:
    file = upload(client, files.text(), target_model_names=GEMINI)
    assert curl(gateway, f"/v1/files/{file.id}/content").encode() == files.text().data


def test_delete(client: OpenAI, gateway: Gateway, providers: Providers) -> None:
    file = upload(client)
    curl(gateway, f"/v1/files/{file.id}", "-X", "DELETE")
    assert providers.stored() == {}


def test_delete_by_the_path_of_the_documentation(client: OpenAI, gateway: Gateway) -> None:
    file = upload(client)
    answer = json.loads(curl(gateway, f"/v1/files/{file.id}/delete", "-X", "POST"))
    assert answer == {"id": file.id, "object": "file", "deleted": True}


def test_another_header_for_the_key(gateway: Gateway) -> None:
    command = ["curl", "--silent", "-H", f"x-api-key: {MASTER_KEY}", f"{gateway.url}/v1/files"]
    listed = json.loads(subprocess.run(command, capture_output=True, timeout=40).stdout)
    assert listed["data"] == []
