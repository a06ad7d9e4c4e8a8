"""A bounded thread pool for one process. Does not know what it runs."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """How a task ended, as a value: exactly one of `value` (which may be None) and `error` counts."""

    value: T | None = None
    error: BaseException | None = None


class Fanout:
    """Runs tasks in at most `max_threads` threads; more tasks than that wait for a free one.

    No thread exists before the first task, and a forked child starts with threads of its own. A task sees the context
    variables of the code that started it. A task must not wait for another task of the same pool.
    """

    def __init__(self, max_threads: int = 32):
        self._max_threads = max_threads
        self._lock = Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._pid = 0

    def submit(self, task: Callable[[], T]) -> Future[Outcome[T]]:
        """Starts one task. The future's result() never raises what the task raised: it is in the outcome."""
        return self._threads().submit(copy_context().run, _caught, task)

    def close(self) -> None:
        """Waits for the running tasks and ends the threads. Tasks that have not begun are run as well."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None and self._pid == os.getpid():
            pool.shutdown()

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None or self._pid != os.getpid():
                self._pool = ThreadPoolExecutor(self._max_threads, thread_name_prefix="fanout")
                self._pid = os.getpid()
            return self._pool


def _caught(task: Callable[[], T]) -> Outcome[T]:
    try:
        return Outcome(value=task())
    except BaseException as error:
        return Outcome(error=error)
