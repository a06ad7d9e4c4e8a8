"""One batch at each provider, from its file to its answers: what it says is what the same chats say one by one."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Event
from typing import Any

import pytest
from openai import OpenAI
from openai.types import Batch

from managed_files.sandbox import Fault
from tests.batching import line
from tests.e2e.batch_calls import (
    Json,
    answers_of,
    chat_answer,
    create,
    errors_of,
    in_progress,
    lines_of,
    reached,
    upload_lines,
)
from tests.e2e.batch_world import BATCHED, MODELS, STORING, VLLM, World
from tests.e2e.calls import part, upload
from tests.e2e.gateway import MASTER_KEY, Gateway
from tests.openai_schema import assert_valid
from tests.sdk import openai_at

TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
    },
}


@dataclass(frozen=True)
class Round:
    """One provider's batch: its lines, how it looked on its way, and what became of it."""

    client: OpenAI
    lines: list[Json]
    made: Batch
    begun: Batch
    done: Batch

    @property
    def output(self) -> list[Json]:
        return lines_of(self.client, self.done.output_file_id)


def lines_for(name: str, paper_id: str | None) -> list[Json]:
    """Chats of several kinds; the last one is refused."""
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One."},
        {"role": "assistant", "content": "Two."},
        {"role": "user", "content": "Three?"},
    ]
    about_the_paper = [line("paper", name, "What is in it?", part(paper_id))] if paper_id else []
    return [
        line("plain", name, "Grüße, 世界 🌍"),
        line("turns", name) | {"body": {"model": name, "messages": turns, "temperature": 0.5, "max_tokens": 50}},
        line("tool", name, "Look it up.", tools=[TOOL], tool_choice="required"),
        *about_the_paper,
        line("refused", name, temperature=-1),
    ]


@pytest.fixture(scope="module")
def rounds(world: World, batch_gateway: Gateway) -> Iterator[Mapping[str, Round]]:
    """All providers at the same time; every other one by the address with `/v1`."""
    with ExitStack() as stack:
        addresses = {name: f"{batch_gateway.url}{'/v1' if number % 2 else ''}" for number, name in enumerate(MODELS)}
        clients = {name: stack.enter_context(openai_at(address, MASTER_KEY)) for name, address in addresses.items()}
        yield dict(played(world, clients))


def played(world: World, clients: Mapping[str, OpenAI]) -> Iterator[tuple[str, Round]]:
    """The rounds of all providers, none of which goes on before all have begun."""
    gate = Event()
    world.hold()
    papers = {name: upload(clients[name], target_model_names=name).id for name in STORING}
    lines = {name: lines_for(name, papers.get(name)) for name in MODELS}
    world.vllm.sandbox.inject(Fault(path="/v1/chat/completions", gate=gate))
    made = {name: create(client, upload_lines(client, lines[name])) for name, client in clients.items()}
    begun = {name: in_progress(client, made[name].id) for name, client in clients.items()}
    world.release()
    gate.set()
    for name, client in clients.items():
        yield name, Round(client, lines[name], made[name], begun[name], reached(client, made[name].id))


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_says_what_the_same_chats_say(rounds: Mapping[str, Round], name: str) -> None:
    played = rounds[name]
    chats = {item["custom_id"]: item["body"] for item in played.lines if item["custom_id"] != "refused"}
    alone = {custom_id: chat_answer(played.client, body) for custom_id, body in chats.items()}
    assert answers_of(played.client, played.done) == alone


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_goes_through_its_statuses(rounds: Mapping[str, Round], name: str) -> None:
    seen = rounds[name]
    told = [batch.status for batch in (seen.made, seen.begun, seen.done)]
    assert (told[0] in ("validating", "in_progress"), told[1:]) == (True, ["in_progress", "completed"])


@pytest.mark.parametrize("name", MODELS)
def test_every_line_is_counted(rounds: Mapping[str, Round], name: str) -> None:
    played = rounds[name]
    count = len(played.lines)
    assert played.done.request_counts is not None
    assert played.done.request_counts.to_dict() == {"total": count, "completed": count - 1, "failed": 1}


@pytest.mark.parametrize("name", MODELS)
def test_a_refused_line_stands_in_the_error_file(rounds: Mapping[str, Round], name: str) -> None:
    played = rounds[name]
    assert errors_of(played.client, played.done) == {"refused": 422 if name == "mistral" else 400}


@pytest.mark.parametrize("name", MODELS)
def test_everything_has_openais_shape(rounds: Mapping[str, Round], name: str) -> None:
    played = rounds[name]
    for batch in (played.made, played.begun, played.done):
        assert_valid("Batch", raw(played.client, f"/batches/{batch.id}"))
    assert_valid("ListBatchesResponse", raw(played.client, "/batches?limit=3"))
    for item in played.output:
        assert_valid("CreateChatCompletionResponse", item["response"]["body"])
    assert {frozenset(item) for item in played.output} == {frozenset(("id", "custom_id", "response", "error"))}


@pytest.mark.parametrize("name", MODELS)
def test_the_files_are_as_long_as_they_say(rounds: Mapping[str, Round], name: str) -> None:
    played = rounds[name]
    ids = [played.done.output_file_id or "", played.done.error_file_id or ""]
    told = [played.client.files.retrieve(file_id).bytes for file_id in ids]
    assert [len(played.client.files.content(file_id).read()) for file_id in ids] == told


def test_a_batch_is_the_same_by_both_addresses(rounds: Mapping[str, Round]) -> None:
    plain, versioned = rounds[BATCHED[0]].client, rounds[BATCHED[1]].client
    batch_id = rounds[VLLM].done.id
    assert plain.batches.retrieve(batch_id) == versioned.batches.retrieve(batch_id)


def raw(client: OpenAI, path: str) -> Any:
    """An answer as it comes."""
    return client.get(path, cast_to=object)
