"""Runs the lines of providers without a batch API: chunk by chunk, a few chats at a time, on every node."""

import json
import logging
import os
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from managed_files.batch_records import LineResult, Run
from managed_files.errors import Unavailable
from managed_files.fanout import Fanout
from managed_files.run_repository import RunRepository
from managed_files.services.batches.asking import Asking
from managed_files.services.leases import LeaseKeeper

_PATIENCE = 5.0  # seconds
_INTERVAL = 1.0  # seconds between two looks for lines
_KEEPING = (1.0, 2.0, 4.0, 8.0)  # seconds between attempts to write a result down
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Runners:
    """What lines are run with. `slots`: account → how many of its lines a process runs at the same time."""

    runs: RunRepository
    asking: Asking
    leases: LeaseKeeper
    fanout: Fanout
    slots: Mapping[str, int]


class Runner:
    """A line's result is written down before the next line begins, so that no finished line is ever run again."""

    def __init__(self, tools: Runners):
        self._tools = tools
        self._busy: Counter[str] = Counter()
        self._changed = threading.Condition()

    def run_once(self) -> int:
        """Begins every chunk for which there is a free slot; how many those are."""
        begun = 0
        while run := self._claimed():
            self._tools.fanout.submit(lambda run=run: self._run(run))  # type: ignore[misc]  # bound now, not later
            begun += 1
        return begun

    def wait(self, timeout: float) -> None:
        """Blocks until nothing runs, for `timeout` seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._busy.total(), timeout)

    def _claimed(self) -> Run | None:
        with self._changed:
            free = [account for account, slots in self._tools.slots.items() if self._busy[account] < slots]
            run = self._tools.runs.claim(free, self._tools.leases.lease) if free else None
            if run is not None:
                self._busy[run.place.account] += 1
            return run

    def _run(self, run: Run) -> None:
        try:
            with self._tools.leases.hold(run.id):
                done = self._all_done(run)
            if done:
                self._tools.runs.end(run)
            else:
                self._tools.runs.free(run)
        except Unavailable as error:  # the database, or all connections that the model may use are busy
            log.warning("lines of %s are left to whoever comes next: %s", run.batch_id, error)
        finally:
            with self._changed:
                self._busy[run.place.account] -= 1
                self._changed.notify_all()

    def _all_done(self, run: Run) -> bool:
        for line in map(json.loads, run.lines):
            if line["custom_id"] in run.done:
                continue
            if self._tools.asking.pause(0):
                return False
            result = self._tools.asking.answered(run, line, partial(self._tools.runs.is_wanted, run))
            if result is None:
                return False
            self._keep(run, result)
        return True

    def _keep(self, run: Run, result: LineResult) -> None:
        """The answer is paid for: it is not thrown away because the database is away for a moment."""
        for seconds in _KEEPING:
            try:
                return self._tools.runs.keep(run, result)
            except Unavailable:
                self._tools.asking.pause(seconds)
        return self._tools.runs.keep(run, result)


class RunnerThread:
    """Looks for lines in the background, in every process."""

    def __init__(self, runner: Runner, stop: threading.Event, interval: float = _INTERVAL):
        self._runner = runner
        self._stop = stop
        self._interval = interval
        self._thread: threading.Thread | None = None
        self._pid = 0

    def start(self) -> None:
        """Idempotent within a process; a forked child starts its own."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._thread = threading.Thread(target=self._run, name="batch lines", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Gives the lines that run now a few seconds; their chunks are taken up again by whoever comes first."""
        self._stop.set()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join(_PATIENCE)
            self._runner.wait(_PATIENCE)

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self._runner.run_once()
            except Exception as error:
                log.warning("batch lines: they cannot be looked for now: %s", error)
