"""The embedded default database: one PostgreSQL server per data folder, shared by every process that asks for it.

What is in the data folder:

    postgres/               the cluster; stays valid when moved or copied while stopped
    postgres.log            what the server said since its last start (postgres.log.1: the start before)
    run/                    its Unix socket, and its programs if the server's user cannot read the installed ones
    postgres.start.lock     held while somebody starts or stops the server
    postgres.users.lock     held, shared, by each process that uses the server
    postgres.server.lock    held by the server's own processes

The locks are flocks, which the kernel drops with the last process that holds them. `postgres.server.lock` is inherited
by every process of the server, so it is free exactly when none is left: neither a zombie nor a pid that another program
got meanwhile can pass for a server, and what remains of one whose postmaster was killed is waited for. Only then a
left-over `postmaster.pid` or socket lock is removed. A data folder must lie on a local disk, as PostgreSQL itself asks.

Who may connect: whoever can open the socket, without a password. It lies in a folder that only the user who runs the
server may enter (mode 0700): us. When we are root it is `postgres` or, without such a user, `nobody`; then root and
every program that runs as that same user can connect, and could read the cluster's files anyway. Who shares `nobody`
with untrusted programs should add a user `postgres`, or run the gateway as a user of its own.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from managed_files.errors import ConfigError
from managed_files.postgres_cluster import REMEDY, Cluster, opened

_START_SECONDS = 60.0  # crash recovery included
_STOP_SECONDS = 30.0
_AGAIN_SECONDS = 1.0
_POLL_SECONDS = 0.01


class LocalPostgres:
    """One process's part in the server of a data folder. Needs Linux or macOS. Not for two threads at once."""

    def __init__(self, data_dir: Path):
        self._folder = data_dir.absolute()
        self._cluster = Cluster(self._folder)
        self._users: int | None = None
        self._pid = 0

    def start(self) -> str:
        """Starts the server or joins the one that runs; returns a libpq URL of the database `managed_files`.

        Any number of processes may call it at once, and again. Raises ConfigError, with the end of the server's log;
        a server that is still busy with its recovery then is left to the next start.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._alone():
                self._enter()
                try:
                    return self._running()
                except (KeyboardInterrupt, SystemExit):  # given up: nobody else may ever come to stop it
                    self._end()
                    raise
                except BaseException:
                    self._leave()
                    raise
        except OSError as error:
            raise ConfigError(f"The database in {self._folder} cannot be started: {error}. {REMEDY}") from error

    def revive(self) -> bool:
        """Starts the server again if no process of it is left; whether that was so. One look at a lock if it lives.

        Whoever revived it is one of its users from then on. Raises ConfigError.
        """
        with self._no_server() as lock:
            ended = lock is not None
        if ended:
            self.start()
        return ended

    def stop(self) -> None:
        """Leaves. The last user stops the server, which cuts the sessions that are left.

        Does nothing in a process that did not call `start` itself, such as a forked worker.
        """
        if self._users is None or self._pid != os.getpid():
            return
        with self._alone():
            self._end()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with opened(self._folder / "postgres.start.lock") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            yield

    def _enter(self) -> None:
        if self._users is not None and self._pid == os.getpid():
            return
        if self._users is not None:  # our parent's, through a fork: it is no longer for us to hold
            os.close(self._users)
        self._users = os.open(self._folder / "postgres.users.lock", os.O_CREAT | os.O_NOFOLLOW, mode=0o600)
        self._pid = os.getpid()
        fcntl.flock(self._users, fcntl.LOCK_SH)

    def _leave(self) -> None:
        if self._users is not None:
            fcntl.flock(self._users, fcntl.LOCK_UN)  # closing is not enough: forked children hold the same open file
            os.close(self._users)
            self._users = None

    def _end(self) -> None:
        last = self._users is not None and _lock(self._users)
        self._leave()
        if last:
            self._shut_down()

    def _running(self) -> str:
        """The URL of a server that answers, after starting it if need be.

        A server that does not answer but holds its lock starts, recovers or ends: it is waited for.
        """
        launched = False
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if url := self._cluster.answering():
                return url
            with self._no_server() as lock:
                if lock is not None and launched:
                    raise self._cluster.failure("did not start")
                if lock is not None:
                    self._cluster.launch(lock)
                    launched = True
            time.sleep(_POLL_SECONDS)
        raise self._cluster.failure(f"did not answer within {_START_SECONDS:.0f} s")

    def _shut_down(self) -> None:
        """Ends the server: politely, then without its last checkpoint, which the next start makes up for.

        One that has hardly begun to start does not say yet where a signal would reach it: it is told again and again.
        """
        for signal in ("INT", "QUIT"):
            deadline = time.monotonic() + _STOP_SECONDS
            while time.monotonic() < deadline:
                if not self._gone(within=0):
                    self._cluster.signal(signal)
                if self._gone(within=_AGAIN_SECONDS):
                    self._cluster.clear()
                    return

    def _gone(self, within: float) -> bool:
        """Whether no process of the server is left, now or in so many seconds."""
        deadline = time.monotonic() + within
        while True:
            with self._no_server() as lock:
                if lock is not None:
                    return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)

    @contextmanager
    def _no_server(self) -> Iterator[int | None]:
        """The server's lock, taken, if no process of a server is left; otherwise None."""
        with opened(self._folder / "postgres.server.lock") as lock:
            yield lock if _lock(lock) else None


def _lock(descriptor: int) -> bool:
    """Takes the flock for us alone if that needs no waiting; tells whether it did."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
