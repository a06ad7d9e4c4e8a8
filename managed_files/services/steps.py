"""Runs steps beside each other, so that no provider which hangs holds others up. Knows no step."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from functools import partial
from threading import Lock
from typing import Generic, Protocol, TypeVar

from managed_files.fanout import Fanout, Outcome

AT_ONCE = 16
_OF_ACCOUNT = 4  # at once: an account that hangs leaves room for others


class Claimed(Protocol):
    """What a step is taken at."""

    @property
    def account(self) -> str:
        """Whose provider the step waits for."""


T = TypeVar("T", bound=Claimed)


class Steps(Generic[T]):
    """At most `AT_ONCE` in a process, whoever begins them, and some four for an account."""

    def __init__(self, fanout: Fanout):
        """`fanout`: for these alone, with a thread for each."""
        self._fanout = fanout
        self._lock = Lock()
        self._running = Counter[str]()

    def run(self, claim: Callable[[Sequence[str]], T | None], step: Callable[[T], None], patience: float) -> int:
        """Begins what is due until there is nothing more; how many steps that were.

        `claim` takes what is due of accounts that are not among these. Waits for the steps `patience` seconds at most.
        What takes longer goes on by itself, and takes its room meanwhile.
        """
        end, begun = time.monotonic() + patience, 0
        while futures := list(self._begun(claim, step)):
            begun += len(futures)
            wait(futures, max(0.0, end - time.monotonic()))
            if time.monotonic() >= end:
                break
        return begun

    def _begun(
        self, claim: Callable[[Sequence[str]], T | None], step: Callable[[T], None]
    ) -> Iterator[Future[Outcome[None]]]:
        while (found := self._claimed(claim)) is not None:
            yield self._fanout.submit(partial(self._ran, found, step))

    def _claimed(self, claim: Callable[[Sequence[str]], T | None]) -> T | None:
        with self._lock:  # over the claim too: two callers would not know what the other one is about to begin
            if self._running.total() >= AT_ONCE:
                return None
            found = claim([account for account, number in self._running.items() if number >= _OF_ACCOUNT])
            if found is not None:
                self._running[found.account] += 1
            return found

    def _ran(self, found: T, step: Callable[[T], None]) -> None:
        try:
            step(found)
        finally:
            with self._lock:
                self._running[found.account] -= 1
