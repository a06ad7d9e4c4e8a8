"""Keeps running uploads from being taken for crashed ones: renews their leases while this process lives."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from managed_files.errors import Unavailable
from managed_files.repository import FileRepository

LEASE = 40.0  # seconds: with the reconciler's interval well under the 60 after which a crashed upload must be over
_RENEWALS = 4  # in the time of one lease, so that a short silence of the database ends no upload


class LeaseKeeper:
    """One thread for all uploads of a process, alive while there are any."""

    def __init__(self, repository: FileRepository, lease: float = LEASE):
        self.lease = lease
        self._repository = repository
        self._lock = threading.Lock()
        self._held: set[str] = set()
        self._idle = threading.Event()
        self._pid = 0

    @contextmanager
    def hold(self, file_id: str) -> Iterator[None]:
        """Renews the file's lease until the block ends."""
        self._add(file_id)
        try:
            yield
        finally:
            self._remove(file_id)

    def _add(self, file_id: str) -> None:
        with self._lock:
            if self._pid != os.getpid():
                self._held, self._pid = set(), os.getpid()
            self._held.add(file_id)
            if len(self._held) == 1:
                self._idle = threading.Event()
                threading.Thread(target=self._renew, args=(self._idle,), name="leases", daemon=True).start()

    def _remove(self, file_id: str) -> None:
        with self._lock:
            self._held.discard(file_id)
            if not self._held:
                self._idle.set()

    def _renew(self, idle: threading.Event) -> None:
        while not idle.wait(self.lease / _RENEWALS):
            with self._lock:
                ids = sorted(self._held)
            try:
                self._repository.renew_leases(ids, self.lease)
            except Unavailable:
                continue  # said in the log by the door; the next renewal may come through
