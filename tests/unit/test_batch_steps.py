"""Steps of parts: one account that hangs holds nobody else up."""

import threading
import time
from collections.abc import Iterator, Sequence

import pytest

from managed_files.batch_records import Part, Place
from managed_files.fanout import Fanout
from managed_files.services.steps import Steps


def part(number: int, account: str) -> Part:
    return Part(
        id=f"{account} {number}",
        batch_id="batch",
        number=number,
        place=Place("model", "provider/model", account, "provider"),
        file_id="file",
        input=0,
        stored_as=None,
        endpoint="/v1/chat/completions",
        lines=1,
        state="in_progress",
        results="none",
        attempts=1,
        unsure=False,
        searched_at=None,
        created_at=0,
        window=86_400,
        owner="owner",
        team=None,
        cancelling=False,
        overdue=False,
        job=None,
        error=None,
    )


class Due:
    """Parts that are due, as the table gives them out: one at a time, none of a busy account."""

    def __init__(self, *parts: Part):
        self._parts = list(parts)

    def claim(self, busy: Sequence[str]) -> Part | None:
        found = next((part for part in self._parts if part.place.account not in busy), None)
        if found is not None:
            self._parts.remove(found)
        return found


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def threads(gate: threading.Event) -> Iterator[Fanout]:
    fanout = Fanout(16)
    yield fanout
    gate.set()
    fanout.close()


def test_everything_is_done_before_it_returns(threads: Fanout) -> None:
    done: list[str] = []
    due = Due(*(part(number, account) for number in range(20) for account in "ab"))
    begun = Steps(threads).run(due.claim, lambda part: done.append(part.id), patience=10)
    assert (begun, len(set(done))) == (40, 40)


def test_a_hung_account_takes_four_places_and_no_more_time_than_told(threads: Fanout, gate: threading.Event) -> None:
    done: list[str] = []

    def step(part: Part) -> None:
        if part.place.account == "hangs":
            gate.wait()
        done.append(part.id)

    steps, due = Steps(threads), Due(*(part(number, "hangs") for number in range(9)), part(0, "works"))
    first = steps.run(due.claim, step, patience=0.1)
    second = steps.run(Due(part(9, "hangs"), part(1, "works")).claim, step, patience=10)
    assert (first, second, sorted(done)) == (5, 1, ["works 0", "works 1"])


def test_who_hung_has_its_places_back(threads: Fanout, gate: threading.Event) -> None:
    steps, due, begun = Steps(threads), Due(*(part(number, "hangs") for number in range(9))), 0
    steps.run(due.claim, lambda part: gate.wait() and None, patience=0.1)
    gate.set()
    deadline = time.monotonic() + 10
    while begun < 5 and time.monotonic() < deadline:
        begun += steps.run(due.claim, lambda part: None, patience=10)
    assert begun == 5


def test_a_step_that_breaks_gives_its_place_back(threads: Fanout) -> None:
    steps, due = Steps(threads), Due(*(part(number, "breaks") for number in range(9)))
    assert steps.run(due.claim, lambda part: 1 / 0 and None, patience=10) == 9
