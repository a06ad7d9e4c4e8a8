"""What callers do with batches beside running them: list, cancel, retry, delete; and what others see of it: nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Event
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from openai import BadRequestError, ConflictError, NotFoundError, OpenAI
from openai.types import Batch

from managed_files.sandbox import Fault
from tests.batching import line
from tests.e2e.batch_calls import (
    answers_of,
    chat_answer,
    create,
    custom_ids,
    errors_of,
    in_progress,
    parts_of,
    reached,
    run,
    upload_lines,
)
from tests.e2e.batch_world import BATCHED, MODELS, VLLM, World
from tests.e2e.gateway import MASTER_KEY, Gateway, wait_until
from tests.sdk import openai_at

Person = Callable[[], OpenAI]
FEW = [line(f"line {number}", VLLM, f"number {number}") for number in range(3)]


@pytest.fixture
def person(batch_gateway: Gateway) -> Iterator[Person]:
    """Makes a client with a key of its own."""
    with ExitStack() as stack:

        def new() -> OpenAI:
            admin = stack.enter_context(openai_at(batch_gateway.url, MASTER_KEY))
            made: Any = admin.post("/key/generate", body={"user_id": uuid4().hex}, cast_to=object)
            return stack.enter_context(openai_at(batch_gateway.url, made["key"]))

        yield new


@pytest.fixture
def user(person: Person) -> OpenAI:
    """Somebody who has nothing yet."""
    return person()


@pytest.fixture
def slow(world: World) -> Iterator[Event]:
    """Lines that the gateway runs itself wait for this event, except for the first."""
    gate = Event()
    path = "/v1/chat/completions"
    world.vllm.sandbox.inject(Fault(path=path))
    world.vllm.sandbox.inject(Fault(path=path, gate=gate, times=None))
    yield gate
    gate.set()
    world.vllm.sandbox.faults.clear()


def test_pages_follow_each_other_newest_first(user: OpenAI) -> None:
    ids = [reached(user, run(user, FEW[:1]).id).id for _ in range(3)]
    assert [batch.id for batch in user.batches.list(limit=2)] == ids[::-1]


def test_a_list_may_be_of_one_status(user: OpenAI, slow: Event) -> None:
    done = reached(user, run(user, FEW[:1]).id)
    running = reached(user, run(user, FEW).id, ("in_progress",))
    found = {
        status: [batch.id for batch in user.batches.list(extra_query={"status": status})]
        for status in ("completed", "in_progress", "failed")
    }
    assert found == {"completed": [done.id], "in_progress": [running.id], "failed": []}


def test_nobody_else_sees_anything_of_it(person: Person) -> None:
    owner, other = person(), person()
    done = reached(owner, run(owner, FEW).id)
    attempts: list[Callable[[], object]] = [
        lambda: other.batches.retrieve(done.id),
        lambda: other.batches.cancel(done.id),
        lambda: other.post(f"/batches/{done.id}/retry", cast_to=object),
        lambda: create(other, done.input_file_id),
        lambda: other.files.retrieve(done.output_file_id or ""),
        lambda: other.files.content(done.output_file_id or ""),
        lambda: other.files.delete(done.output_file_id or ""),
    ]
    for attempt in attempts:
        with pytest.raises(NotFoundError):
            attempt()
    assert (list(other.batches.list()), list(other.files.list())) == ([], [])


def test_a_batch_keeps_what_it_was_told(user: OpenAI) -> None:
    expiry: Any = {"anchor": "created_at", "seconds": 3600}
    batch = run(user, FEW, metadata={"project": "Köln"}, output_expires_after=expiry)
    done = reached(user, batch.id)
    output = user.files.retrieve(done.output_file_id or "")
    life = (output.expires_at or 0) - output.created_at
    assert (done.metadata, life, output.purpose) == ({"project": "Köln"}, 3600, "batch_output")


@pytest.mark.parametrize("model", [None, VLLM, "openai"])
def test_a_file_for_two_targets_runs_at_the_one_that_is_named(user: OpenAI, model: str | None) -> None:
    lines = [line("a", "any", "one"), line("b", "any", "two")]
    file_id = upload_lines(user, lines, target_model_names=["openai", VLLM])
    named = {} if model is None else {"extra_body": {"model": model}}
    done = reached(user, create(user, file_id, **named).id)
    target = model or "openai"
    alone = {item["custom_id"]: chat_answer(user, item["body"] | {"model": target}) for item in lines}
    assert (answers_of(user, done), [part["provider"] for part in parts_of(done)]) == (alone, [target])


def test_what_was_cancelled_can_be_retried(user: OpenAI, slow: Event) -> None:
    batch = run(user, FEW)
    wait_until(lambda: parts_of(user.batches.retrieve(batch.id))[0]["completed"] == 1, "one line is done")
    user.batches.cancel(batch.id)
    done = reached(user, batch.id)
    slow.set()
    again = user.post(f"/batches/{batch.id}/retry", cast_to=Batch)
    left = reached(user, again.id)
    assert (done.status, set(errors_of(user, done).values())) == ("cancelled", {"batch_cancelled"})
    assert (left.status, custom_ids(user, left)) == ("completed", sorted(errors_of(user, done)))


def test_what_has_ended_cannot_be_cancelled(user: OpenAI) -> None:
    done = reached(user, run(user, FEW).id)
    with pytest.raises(BadRequestError, match="completed"):
        user.batches.cancel(done.id)


def test_the_input_of_a_running_batch_is_deleted_only_by_force(user: OpenAI, world: World) -> None:
    world.hold()
    lines = [line(name, name) for name in BATCHED]
    batch = in_progress(user, run(user, lines).id)
    with pytest.raises(ConflictError, match=batch.id):
        user.files.delete(batch.input_file_id)
    user.files.delete(batch.input_file_id, extra_query={"force": "true"})
    done = reached(user, batch.id)
    world.release()
    assert (done.status, errors_of(user, done)) == ("cancelled", dict.fromkeys(BATCHED, "batch_cancelled"))


def test_nothing_stays_anywhere_once_the_files_are_deleted(user: OpenAI, world: World, batch_url: str) -> None:
    before = world.left()
    lines = [line(f"{name} {number}", name, temperature=0 - number) for name in MODELS for number in range(2)]
    done = reached(user, run(user, lines).id)
    held = sorted(new(before, world.left()))
    for file_id in (done.input_file_id, done.output_file_id, done.error_file_id):
        user.files.delete(file_id or "")
    wait_until(lambda: not new(before, world.left()), "the providers hold nothing of it")
    wait_until(lambda: kept(batch_url, done) == [0, 0], "the gateway keeps nothing of it")
    assert held == sorted(world.running)


def new(before: dict[str, list[str]], now: dict[str, list[str]]) -> dict[str, set[str]]:
    """What came since, by provider."""
    return {name: fresh for name, ids in now.items() if (fresh := set(ids) - set(before.get(name, ())))}


def kept(url: str, batch: Batch) -> list[int]:
    """How many chunks of lines and how many answers the gateway itself keeps."""
    with psycopg.connect(url) as connection:
        lines = connection.execute("SELECT count(*) FROM batch_lines WHERE file_id = %s", [batch.input_file_id])
        results = connection.execute("SELECT count(*) FROM batch_results WHERE batch_id = %s", [batch.id])
        return [count for cursor in (lines, results) for (count,) in cursor]
