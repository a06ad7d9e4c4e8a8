"""`kill -9` at every step of a batch: whoever goes on, another node or the same one, comes to the same result."""

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from openai import OpenAI

from tests.e2e import batch_world
from tests.e2e import gateway as gateways
from tests.e2e.batch_calls import custom_ids, reached
from tests.e2e.batch_steps import ANSWERED, CHUNKED, FEW, Steps, lines_for
from tests.e2e.batch_world import BATCHED, VLLM, World
from tests.e2e.conftest import NewDatabase
from tests.e2e.gateway import MASTER_KEY, Gateway, wait_until
from tests.e2e.rows import make_due
from tests.sdk import openai_at

SUCCESSORS = ("the_same_again", "another_node")
LINES = {"polling": ["azure"], "counting": ["groq"], "running lines": [VLLM], "making jobs": BATCHED}


@dataclass(frozen=True)
class Aftermath:
    """What became of it all. `ends`: status and custom ids of each batch, by what was done when the kill came.

    `asked`: how often the server without batches was asked each line, `answered`: those that were done before.
    `ordered`: how often each provider was asked to make a job. `left`: what is at the providers, and in the list, when
    all is deleted.
    """

    ends: Mapping[str, tuple[str, list[str]]]
    asked: Counter[str]
    answered: set[str]
    ordered: Mapping[str, int]
    left: tuple[Mapping[str, list[str]], list[str]]


@pytest.fixture(scope="module")
def crashes(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Aftermath]:
    """Both at the same time, as they mostly wait."""
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(len(SUCCESSORS)))
        worlds = {name: stack.enter_context(batch_world.serve()) for name in SUCCESSORS}
        running = {
            name: pool.submit(crash, name, world, new_database(name), tmp_path_factory.mktemp(name))
            for name, world in worlds.items()
        }
        return {name: future.result() for name, future in running.items()}


@pytest.fixture(params=SUCCESSORS)
def after(crashes: Mapping[str, Aftermath], request: pytest.FixtureRequest) -> Aftermath:
    return crashes[request.param]


def crash(successor: str, world: World, url: str, folder: Path) -> Aftermath:
    """Kills a gateway that is busy with everything, and lets its successor do the rest."""
    with ExitStack() as stack:
        first = stack.enter_context(node(world, url, folder / "first"))
        pool = stack.enter_context(ThreadPoolExecutor(1))
        batches = Steps(world, stack.enter_context(client_of(first)), pool).all()
        answered = set(texts(world, finished=True))
        if successor == "another_node":
            second = stack.enter_context(node(world, url, folder / "second"))
        first.kill()
        calm(world)
        make_due(url)
        if successor == "the_same_again":
            second = stack.enter_context(node(world, url, folder / "second"))
        client = stack.enter_context(client_of(second))
        ended = {step: reached(client, batch.id, seconds=60) for step, batch in batches.items()}
        ends = {step: (ended[step].status, custom_ids(client, ended[step])) for step in LINES}
        left = emptied(world, client)
        assert "Traceback" not in (said := second.log.read_text()), said
        return Aftermath(ends, Counter(texts(world)), answered, world.ordered(), left)


def node(world: World, url: str, folder: Path) -> AbstractContextManager[Gateway]:
    folder.mkdir()
    return gateways.gateway(world.configuration(database_url=url), folder)


def client_of(gateway: Gateway) -> OpenAI:
    return openai_at(gateway.url, MASTER_KEY)


def calm(world: World) -> None:
    """The providers are well again, and do what they held back."""
    for bench in world.all.values():
        bench.sandbox.faults.clear()
    world.release()


def texts(world: World, finished: bool = False) -> Iterator[str]:
    """What the server without batches was asked."""
    for request in world.vllm.sandbox.requests:
        if request.finished or not finished:
            yield request.json()["messages"][0]["content"]


def emptied(world: World, client: OpenAI) -> tuple[Mapping[str, list[str]], list[str]]:
    """What stays at the providers and in the list of files, although everything is deleted."""
    for file in client.files.list():
        client.files.delete(file.id)
    with suppress(TimeoutError):
        wait_until(lambda: not world.left(), "the providers hold nothing")
    return world.left(), [file.id for file in client.files.list()]


@pytest.mark.parametrize("step", LINES)
def test_every_line_comes_back_once(after: Aftermath, step: str) -> None:
    count = CHUNKED if step == "running lines" else FEW
    wanted = sorted(line["custom_id"] for line in lines_for(LINES[step], count))
    assert after.ends[step] == ("completed", wanted)


def test_no_job_is_made_twice(after: Aftermath) -> None:
    assert after.ordered == {name: 1 for name in BATCHED} | {name: 2 for name in ("vertex_ai", "azure", "groq")}


def test_no_line_that_was_answered_is_asked_again(after: Aftermath) -> None:
    again = {text for text, times in after.asked.items() if times > 1}
    assert (len(after.answered), after.answered & again, len(again)) == (ANSWERED, set(), 3)


def test_nothing_is_left_at_any_provider(after: Aftermath) -> None:
    assert after.left == ({}, [])
