"""Azure's stand-in, driven by the official client."""

from collections.abc import Iterator

import openai
import pytest
import requests

from managed_files.sandbox import AzureSandbox
from managed_files.sandbox.azure import DEFAULT_KEY
from tests.sdk import openai_at

PDF = b"%PDF-1.4 a paper"
HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture
def sandbox() -> Iterator[AzureSandbox]:
    with AzureSandbox() as server:
        yield server


@pytest.fixture
def dated(sandbox: AzureSandbox) -> Iterator[openai.AzureOpenAI]:
    options = {"api_version": "2024-10-21", "api_key": DEFAULT_KEY, "max_retries": 0}
    with openai.AzureOpenAI(azure_endpoint=sandbox.url, **options) as client:
        yield client


@pytest.fixture
def v1(sandbox: AzureSandbox) -> Iterator[openai.OpenAI]:
    with openai_at(f"{sandbox.url}/openai/v1", DEFAULT_KEY) as client:
        yield client


def test_dated_and_v1_paths_share_the_files(dated, v1):
    file = dated.files.create(file=("p.pdf", PDF), purpose="assistants")
    parts = [{"type": "file", "file": {"file_id": file.id}}]
    answer = v1.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": parts}])
    assert answer.choices[0].message.content.startswith("p.pdf: application/pdf, 16 bytes")


def test_first_chunk_has_no_choices(dated):
    chunks = list(dated.chat.completions.create(model="gpt-4o-mini", messages=HELLO, stream=True))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[1:])
    assert (chunks[0].choices, said) == ([], "You said: hello")


def test_unknown_deployment(dated):
    with pytest.raises(openai.NotFoundError) as caught:
        dated.chat.completions.create(model="gpt-0", messages=HELLO)
    assert caught.value.code == "DeploymentNotFound"


@pytest.mark.parametrize(("query", "status"), [("", 404), ("?api-version=v9", 404), ("?api-version=2024-10-21", 200)])
def test_dated_paths_need_their_version(sandbox, query, status):
    answer = requests.get(f"{sandbox.url}/openai/files{query}", headers={"api-key": DEFAULT_KEY}, timeout=10)
    assert answer.status_code == status


def test_wrong_key(sandbox):
    answer = requests.get(f"{sandbox.url}/openai/v1/files", headers={"api-key": "wrong"}, timeout=10)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "401")


def test_older_resources_refuse_user_data():
    with AzureSandbox(takes_user_data=False) as server:
        form = {"files": {"file": ("p.pdf", PDF)}, "data": {"purpose": "user_data"}}
        answer = requests.post(f"{server.url}/openai/v1/files", headers={"api-key": DEFAULT_KEY}, **form, timeout=10)
        assert answer.status_code == 400
