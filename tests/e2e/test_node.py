"""The documented flow with the official Node SDK, which sends its file first, chunked, and lists its own way."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests import files
from tests.e2e.calls import ask, upload
from tests.e2e.gateway import MASTER_KEY, Gateway, environment
from tests.e2e.providers import GEMINI, GPT, Providers
from tests.node import installed

Node = Callable[..., Any]  # a call's name and arguments → its outcome
SOURCES = [Path(__file__).parent / "node" / name for name in ("package.json", "package-lock.json", "call.mjs")]


@pytest.fixture(scope="session")
def scripts() -> Path:
    """A folder with the scripts and the SDK."""
    return installed(*SOURCES)


@pytest.fixture
def node(scripts: Path, gateway: Gateway) -> Node:
    """Makes one call and returns its outcome."""

    def call(name: str, **arguments: Any) -> Any:
        command = ["node", "call.mjs", name, json.dumps(arguments)]
        env = environment(BASE_URL=gateway.url, API_KEY=MASTER_KEY)
        done = subprocess.run(command, cwd=scripts, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = tmp_path / "paper.pdf"
    path.write_bytes(files.pdf().data)
    return str(path)


@pytest.mark.parametrize("targets", [f"{GPT}, {GEMINI}", [GPT, GEMINI]], ids=["text", "list"])
def test_a_streamed_file_reaches_both_providers(
    node: Node, providers: Providers, path: str, targets: str | list[str]
) -> None:
    node("upload", path=path, targets=targets)
    assert providers.stored() == {name: [files.pdf().sha256] for name in ("openai", "vertex_ai")}


def test_its_file_can_be_used_by_others(client: OpenAI, node: Node, path: str) -> None:
    file = node("upload", path=path, targets=[GPT])
    assert files.pdf().sha256 in ask(client, GPT, file["id"])


def test_pages_follow_each_other(client: OpenAI, node: Node) -> None:
    ids = [upload(client, target_model_names=GEMINI).id for _ in range(5)]
    assert node("list", limit=2) == ids[::-1]


@pytest.mark.parametrize("model", [GPT, GEMINI])
def test_chat(client: OpenAI, node: Node, model: str) -> None:
    assert files.pdf().sha256 in node("ask", model=model, id=upload(client).id)


@pytest.mark.parametrize("model", [GPT, GEMINI])
def test_stream(client: OpenAI, node: Node, model: str) -> None:
    assert files.pdf().sha256 in node("stream", model=model, id=upload(client).id)


def test_content(client: OpenAI, node: Node) -> None:
    file = upload(client, files.text(), target_model_names=GEMINI)
    assert node("content", id=file.id).encode() == files.text().data


def test_delete(client: OpenAI, node: Node, providers: Providers) -> None:
    deleted = node("remove", id=upload(client).id)
    assert (deleted["deleted"], providers.stored()) == (True, {})


def test_what_does_not_exist_is_not_found(node: Node, gateway: Gateway) -> None:
    file_id = "file-mf-" + "0" * 32
    assert node("missing", id=file_id) == {"notFound": True, "message": f"No such File object: {file_id}"}
