"""When the batch jobs of a stand-in run: soon, or as a test steers them. Knows no provider and no content of a job."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol

from managed_files.sandbox.control import CONTROL
from managed_files.sandbox.routing import Route
from managed_files.sandbox.wire import Reply, Request, json_reply

_log = logging.getLogger(__name__)

Step = Callable[[], None]


class Runnable(Protocol):
    """A job. Its methods are called one after the other in the worker's thread: `begin`, then one of the others."""

    def begin(self) -> bool:
        """Checks the input. Whether the job goes on; one that does not has brought itself to its end."""

    def run(self) -> None:
        """Answers the lines and ends. One that was cancelled, before or meanwhile, stops there and ends so."""

    def expire(self) -> None:
        """Answers the first half of the lines and ends as expired."""

    def fail(self, message: str) -> None:
        """Ends as failed as a whole."""


class BatchJobs:
    """The jobs of one stand-in: a queue, one worker thread that lives only while there is work, and the held jobs.

    Orders to hold and to release wait in the same queue: each finds the jobs that came before it begun.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._steps: deque[Step] = deque()
        self._held: list[Runnable] = []
        self._holding = False
        self._working = False

    def submit(self, job: Runnable) -> None:
        """Runs the job soon; while jobs are held it only begins."""
        self._add(partial(_guarded, job, partial(self._begin, job)))

    def hurry(self, job: Runnable) -> None:
        """Runs the job if it is held: it was cancelled, and has to come to its end."""
        self._add(partial(_guarded, job, partial(self._let_go, job)))

    def hold(self) -> None:
        self._add(self._hold)

    def release(self, end: Callable[[Runnable], None]) -> None:
        """Brings every held job to its `end`, and holds no more."""
        self._add(partial(self._release, end))

    def settle(self, timeout: float = 30.0) -> None:
        """Blocks until every job is held or has ended. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._working, timeout):
                raise TimeoutError(f"the batch jobs did not settle within {timeout} s")

    def clear(self) -> None:
        """Forgets every job, once the one that runs has ended, and holds no more."""
        with self._changed:
            self._steps.clear()
            self._add(partial(self._release, lambda job: None))
        self.settle()

    def _add(self, step: Step) -> None:
        with self._changed:
            self._steps.append(step)
            if not self._working:
                self._working = True
                threading.Thread(target=self._work, name="sandbox-batches", daemon=True).start()

    def _work(self) -> None:
        while step := self._next():
            step()

    def _next(self) -> Step | None:
        with self._changed:
            if self._steps:
                return self._steps.popleft()
            self._working = False
            self._changed.notify_all()
            return None

    # What follows happens in the worker's thread only.

    def _begin(self, job: Runnable) -> None:
        if not job.begin():
            return
        if self._holding:
            self._held.append(job)
        else:
            job.run()

    def _let_go(self, job: Runnable) -> None:
        if job in self._held:
            self._held.remove(job)
            job.run()

    def _hold(self) -> None:
        self._holding = True

    def _release(self, end: Callable[[Runnable], None]) -> None:
        jobs, self._held, self._holding = self._held, [], False
        for job in jobs:
            _guarded(job, partial(end, job))


def _guarded(job: Runnable, step: Step) -> None:
    try:
        step()
    except Exception as bug:
        _log.exception("the sandbox itself failed in a batch job")
        job.fail(f"The sandbox itself failed: {bug!r}")


class BatchSteering:
    """What tests tell a stand-in's jobs to do. A server that inherits it makes `batch_jobs` before its routes."""

    batch_jobs: BatchJobs

    def hold_batches(self) -> None:
        """New jobs stay in progress and answer nothing, until one of the next three is called."""
        self.batch_jobs.hold()

    def release_batches(self) -> None:
        """The held jobs run, and later ones are not held."""
        self.batch_jobs.release(lambda job: job.run())

    def expire_batches(self) -> None:
        """The held jobs end as expired, with half of the lines done where the provider keeps partial results."""
        self.batch_jobs.release(lambda job: job.expire())

    def fail_batches(self, message: str) -> None:
        """The held jobs end as failed, as a whole."""
        self.batch_jobs.release(lambda job: job.fail(message))

    def settle_batches(self) -> None:
        """Blocks until every job is held or has ended."""
        self.batch_jobs.settle()

    def batch_controls(self) -> list[Route]:
        """The same over HTTP: `POST batches` with `{"act": "hold" | "release" | "expire" | "settle"}` or
        `{"act": "fail", "message": …}`."""
        return [Route("POST", CONTROL + "batches", self._steer)]

    def _steer(self, request: Request) -> Reply:
        order = request.body.json()
        acts: dict[str, Step] = {
            "hold": self.hold_batches,
            "release": self.release_batches,
            "expire": self.expire_batches,
            "fail": lambda: self.fail_batches(order["message"]),
            "settle": self.settle_batches,
        }
        acts[order["act"]]()
        return json_reply({})
