"""The batch jobs that a stand-in knows. Knows no provider."""

import threading
from collections.abc import Mapping
from typing import Generic, TypeVar

from managed_files.sandbox.batch_jobs import BatchJobs, Runnable

J = TypeVar("J", bound=Runnable)


class JobBook(Generic[J]):
    """Jobs by name, and the worker that runs them. Safe from any thread."""

    def __init__(self, worker: BatchJobs):
        self.worker = worker
        self._lock = threading.Lock()
        self._jobs: dict[str, J] = {}

    @property
    def jobs(self) -> Mapping[str, J]:
        """What there is, by name, oldest first."""
        with self._lock:
            return dict(self._jobs)

    def note(self, name: str, job: J) -> None:
        with self._lock:
            self._jobs[name] = job

    def drop(self, name: str) -> None:
        with self._lock:
            self._jobs.pop(name, None)

    def clear(self) -> None:
        """Forgets all of them, once the one that runs has ended."""
        self.worker.clear()
        with self._lock:
            self._jobs.clear()
