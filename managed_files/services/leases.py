"""Keeps running work from being taken for crashed: renews its leases while this process lives."""

import os
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from managed_files.errors import Unavailable

LEASE = 40.0  # seconds: with the reconciler's interval well under the 60 after which a crashed upload must be over
_RENEWALS = 4  # in the time of one lease, so that a short silence of the database ends no upload


class Leased(Protocol):
    """A table whose rows are held by whoever works on them."""

    def renew_leases(self, ids: Sequence[str], lease: float) -> None:
        """The rows of these ids are held for `lease` more seconds."""


class LeaseKeeper:
    """One thread for all that a process holds in one table, alive while that is anything."""

    def __init__(self, repository: Leased, lease: float = LEASE):
        self.lease = lease
        self._repository = repository
        self._lock = threading.Lock()
        self._held = Counter[str]()  # more than once: what was lost and is taken up again in the same process
        self._idle = threading.Event()
        self._pid = 0

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Renews the lease of the row with this id until the block ends."""
        self._add(name)
        try:
            yield
        finally:
            self._remove(name)

    def _add(self, name: str) -> None:
        with self._lock:
            if self._pid != os.getpid():
                self._held, self._pid = Counter(), os.getpid()
            self._held[name] += 1
            if self._held.total() == 1:
                self._idle = threading.Event()
                threading.Thread(target=self._renew, args=(self._idle,), name="leases", daemon=True).start()

    def _remove(self, name: str) -> None:
        with self._lock:
            self._held -= Counter([name])
            if not self._held:
                self._idle.set()

    def _renew(self, idle: threading.Event) -> None:
        while not idle.wait(self.lease / _RENEWALS):
            with self._lock:
                if idle.is_set():  # since the wait was over
                    return
                ids = sorted(self._held)
            try:
                self._repository.renew_leases(ids, self.lease)
            except Unavailable:
                continue  # said in the log by the door; the next renewal may come through
