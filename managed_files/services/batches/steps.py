"""Runs the steps of parts beside each other, so that no provider which hangs holds others up. Knows no step."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from functools import partial
from threading import Lock

from managed_files.batch_records import Part
from managed_files.fanout import Fanout, Outcome

AT_ONCE = 16
_OF_ACCOUNT = 4  # at once: an account that hangs leaves room for others

Claim = Callable[[Sequence[str]], Part | None]  # of accounts that are not among these


class Steps:
    """At most `AT_ONCE` in a process, whoever begins them, and some four for an account."""

    def __init__(self, fanout: Fanout):
        """`fanout`: for these alone, with a thread for each."""
        self._fanout = fanout
        self._lock = Lock()
        self._running = Counter[str]()

    def run(self, claim: Claim, step: Callable[[Part], None], patience: float) -> int:
        """Begins what is due until there is nothing more; how many steps that were.

        Waits for them `patience` seconds at most. What takes longer goes on by itself, and takes its room meanwhile.
        """
        end, begun = time.monotonic() + patience, 0
        while futures := list(self._begun(claim, step)):
            begun += len(futures)
            wait(futures, max(0.0, end - time.monotonic()))
            if time.monotonic() >= end:
                break
        return begun

    def _begun(self, claim: Claim, step: Callable[[Part], None]) -> Iterator[Future[Outcome[None]]]:
        while (part := self._claimed(claim)) is not None:
            yield self._fanout.submit(partial(self._ran, part, step))

    def _claimed(self, claim: Claim) -> Part | None:
        with self._lock:  # over the claim too: two callers would not know what the other one is about to begin
            if self._running.total() >= AT_ONCE:
                return None
            part = claim([account for account, number in self._running.items() if number >= _OF_ACCOUNT])
            if part is not None:
                self._running[part.place.account] += 1
            return part

    def _ran(self, part: Part, step: Callable[[Part], None]) -> None:
        try:
            step(part)
        finally:
            with self._lock:
                self._running[part.place.account] -= 1
