"""One file whose lines go to several providers: every line comes back exactly once, whatever becomes of the parts."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest
from openai import OpenAI
from openai.types import Batch

from managed_files.sandbox import Fault
from tests.batching import line, said
from tests.e2e import gateway as gateways
from tests.e2e.batch_calls import Json, custom_ids, errors_of, lines_of, part_reached, reached, run
from tests.e2e.batch_world import VLLM, World
from tests.e2e.gateway import MASTER_KEY, Gateway, wait_until
from tests.sdk import openai_at

FIVE = ("openai", "vertex_ai", "anthropic", "bedrock", VLLM)
MANY, HALF = 1000, 500
CHATS = "/v1/chat/completions"
SECOND_KEY = "sk-second-node-0123456789"


def refused(number: int) -> bool:
    """Three in a hundred."""
    return number % 33 == 32


def mixed(count: int, names: tuple[str, ...] = FIVE) -> list[Json]:
    """So many lines, each for the next provider."""
    wrong = {True: {"temperature": -1}, False: {}}
    return [
        line(f"line {number}", names[number % len(names)], f"number {number}", **wrong[refused(number)])
        for number in range(count)
    ]


def wanted(numbers: Iterator[int] | range) -> list[str]:
    """The custom ids of these lines as `custom_ids` gives them."""
    return sorted(f"line {number}" for number in numbers)


def counts(batch: Batch) -> tuple[int, int, int]:
    told = batch.request_counts
    assert told is not None
    return told.total, told.completed, told.failed


@pytest.fixture
def client(batch_gateway: Gateway) -> Iterator[OpenAI]:
    with openai_at(batch_gateway.url, MASTER_KEY) as client:
        yield client


@pytest.fixture
def gate(world: World, gate: Event) -> Iterator[Event]:
    """Lines that the gateway runs itself wait for it."""
    world.vllm.sandbox.inject(Fault(path=CHATS, gate=gate, times=None))
    yield gate
    gate.set()
    world.vllm.sandbox.faults.clear()


def test_a_part_that_expires_half_way_and_lines_that_fail(client: OpenAI, world: World) -> None:
    openai = world.running["openai"].steering
    openai.hold_batches()
    batch = run(client, mixed(MANY))
    part_reached(client, batch.id, "openai", "in_progress")
    openai.expire_batches()
    done = reached(client, batch.id)
    expired = {f"line {number}": "batch_expired" for number in range(HALF, MANY, len(FIVE))}
    failed = {f"line {number}": 400 for number in range(MANY) if refused(number)}
    answers = {item["custom_id"]: said(item) for item in lines_of(client, done.output_file_id)}
    assert errors_of(client, done) == failed | expired
    assert answers == {
        name: f"You said: {name.replace('line', 'number')}"
        for name in wanted(range(MANY))
        if name not in failed | expired
    }
    assert (done.status, counts(done)) == ("completed", (MANY, len(answers), MANY - len(answers)))


def test_a_cancelled_batch(client: OpenAI, world: World, gate: Event) -> None:
    held = [world.running[name].steering for name in ("openai", "vertex_ai")]
    for provider in held:
        provider.hold_batches()
    batch = run(client, mixed(HALF))
    for name in ("anthropic", "bedrock"):
        part_reached(client, batch.id, name, "completed")
    client.batches.cancel(batch.id)
    done = reached(client, batch.id)
    for provider in held:
        provider.release_batches()
    stopped = wanted(number for number in range(HALF) if FIVE[number % 5] in ("openai", "vertex_ai", VLLM))
    errors = errors_of(client, done)
    assert sorted(name for name, code in errors.items() if code == "batch_cancelled") == stopped
    assert (done.status, custom_ids(client, done)) == ("cancelled", wanted(range(HALF)))
    assert counts(done) == (HALF, HALF - len(errors), len(errors))


@pytest.fixture
def second(world: World, batch_url: str, tmp_path: Path) -> Iterator[Gateway]:
    """Another node on the same database, which the server of the self-run lines knows by another key."""
    world.vllm.sandbox.api_keys[SECOND_KEY] = "project"
    config = world.configuration(database_url=batch_url, vllm_key=SECOND_KEY)
    with gateways.gateway(config, tmp_path) as running:
        yield running
    del world.vllm.sandbox.api_keys[SECOND_KEY]


def test_two_nodes_share_a_batch(client: OpenAI, world: World, gate: Event, second: Gateway) -> None:
    server = world.vllm.sandbox
    before = len(server.requests)
    batch = run(client, mixed(HALF, (VLLM, "openai")))
    everybody = {f"Bearer {key}" for key in server.api_keys}
    wait_until(lambda: {asked.headers["authorization"] for asked in server.requests[before:]} == everybody, "both run")
    gate.set()
    with openai_at(second.url, MASTER_KEY) as other:
        done = reached(other, batch.id)
        found = custom_ids(other, done)
    asked = Counter(request.json()["messages"][0]["content"] for request in server.requests[before:])
    assert (done.status, found) == ("completed", wanted(range(HALF)))
    assert asked == Counter(f"number {number}" for number in range(0, HALF, 2))
