"""One PDF, uploaded once for every provider that stores files; each model answers about it by the same id."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from managed_files.sandbox import OpenAISandbox
from managed_files.sandbox.openai import DEFAULT_KEY
from tests import files
from tests.contract import benches
from tests.contract.bench import Bench
from tests.e2e import gateway as gateways
from tests.e2e.calls import ask, question, stream_text, talk, upload
from tests.e2e.conftest import NewDatabase
from tests.e2e.gateway import MASTER_KEY, Gateway
from tests.sdk import openai_at

SEVEN: tuple[type[Bench], ...] = (
    benches.OpenAIBench,
    benches.AzureBench,
    benches.VertexAIBench,
    benches.GeminiBench,
    benches.AnthropicBench,
    benches.BedrockBench,
    benches.MistralBench,
)
PROXY = "litellm_proxy"
TARGETS = [*(kind.name for kind in SEVEN), PROXY]
OTHER_KEY = "sk-other-gateway-0123456789"


@dataclass(frozen=True)
class World:
    """A gateway, the providers it sends to by the name of their model group, and what another gateway sends to."""

    gateway: Gateway
    providers: dict[str, Bench]
    beyond: OpenAISandbox

    def stored(self) -> dict[str, list[str]]:
        """SHA-256 of what each target holds; targets without a file are left out."""
        held = {name: list(bench.stored().values()) for name, bench in self.providers.items()}
        held[PROXY] = [file.sha256 for file in self.beyond.files.values()]
        return {name: digests for name, digests in held.items() if digests}

    def reset(self) -> None:
        for server in (self.beyond, *(bench.sandbox for bench in self.providers.values())):
            server.reset()


@pytest.fixture(scope="module")
def running_world(
    database_url: str, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Two gateways; the other one has a database of its own."""
    with ExitStack() as stack:
        providers = {kind.name: stack.enter_context(closing(kind())) for kind in SEVEN}
        beyond = stack.enter_context(OpenAISandbox())
        other = stack.enter_context(other_gateway(beyond, new_database("other"), tmp_path_factory.mktemp("other")))
        entries = {name: bench.params() | {"model": f"{name}/{bench.model}"} for name, bench in providers.items()}
        entries[PROXY] = {"model": f"{PROXY}/gpt-4o", "api_base": other.url, "api_key": OTHER_KEY}
        config = {
            "model_list": [{"model_name": name, "litellm_params": params} for name, params in entries.items()],
            "general_settings": {"master_key": MASTER_KEY, "database_url": database_url, "reconcile_interval": 3600},
        }
        folder = tmp_path_factory.mktemp("gateway")
        yield World(stack.enter_context(gateways.gateway(config, folder)), providers, beyond)


def other_gateway(provider: OpenAISandbox, url: str, folder: Path) -> AbstractContextManager[Gateway]:
    """Another gateway of the same API, before one provider."""
    params = {"model": "gpt-4o", "api_base": f"{provider.url}/v1", "api_key": DEFAULT_KEY}
    config = {
        "model_list": [{"model_name": "gpt-4o", "litellm_params": params}],
        "general_settings": {"master_key": OTHER_KEY, "database_url": url},
    }
    return gateways.gateway(config, folder)


@pytest.fixture
def world(running_world: World, url: str) -> World:
    """The same, with nothing stored."""
    running_world.reset()
    return running_world


@pytest.fixture
def client(world: World) -> Iterator[OpenAI]:
    with openai_at(world.gateway.url, MASTER_KEY) as client:
        yield client


def test_one_upload_reaches_every_target_once(world: World, client: OpenAI) -> None:
    paper = files.pdf()
    upload(client, paper, target_model_names=TARGETS)
    assert world.stored() == {name: [paper.sha256] for name in TARGETS}


def test_every_model_answers_about_the_file_by_its_one_id(client: OpenAI, world: World) -> None:
    paper = files.pdf()
    file = upload(client, paper, target_model_names=TARGETS)
    assert [name for name in TARGETS if paper.sha256 in ask(client, name, file.id)] == TARGETS


def test_a_chat_goes_on_from_what_a_model_said_of_the_file(client: OpenAI, world: World) -> None:
    file = upload(client, target_model_names=TARGETS)
    for name in TARGETS:
        said = {"role": "assistant", "content": ask(client, name, file.id)}
        assert "paper" in said["content"]
        assert talk(client, name, [*question(file.id), said, {"role": "user", "content": "And?"}])


def test_every_model_streams_what_it_answers(client: OpenAI, world: World) -> None:
    file = upload(client, target_model_names=TARGETS)
    whole = {name: ask(client, name, file.id) for name in TARGETS}
    assert {name: stream_text(client, name, file.id) for name in TARGETS} == whole


def test_the_file_object_tells_of_every_copy(client: OpenAI, world: World) -> None:
    copies: Any = upload(client, target_model_names=TARGETS).to_dict()["copies"]
    assert sorted((copy["provider"], copy["state"]) for copy in copies) == sorted((name, "ready") for name in TARGETS)


def test_one_delete_removes_every_copy(client: OpenAI, world: World) -> None:
    client.files.delete(upload(client, target_model_names=TARGETS).id)
    assert world.stored() == {}
