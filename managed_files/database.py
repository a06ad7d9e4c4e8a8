"""The one door to PostgreSQL: a pool, and psycopg's errors translated. Knows no table."""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from managed_files import tracing
from managed_files.connection import LeanConnection
from managed_files.errors import InvalidRequest, Unavailable
from managed_files.queries import Query

log = logging.getLogger(__name__)
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # it repeats what we raise, once a connection

# The server gives a lock up when its holder is gone; a machine that lost its power says no goodbye.
_KEEPALIVE = (b"SET tcp_keepalives_idle = 10", b"SET tcp_keepalives_interval = 5", b"SET tcp_keepalives_count = 3")

# Nor does a server's: without these a thread would wait a quarter of an hour for its answer. The URL may say otherwise.
_LIVELY = {
    "connect_timeout": 10,  # seconds
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,  # milliseconds
}

_UNTELLABLE = "A value of the request cannot be kept: a text with a NUL, or a number or time that is out of range."

Row = dict[str, Any]
_Answer = TypeVar("_Answer")
Pool = ConnectionPool[LeanConnection]
_UNAVAILABLE = (psycopg.OperationalError, psycopg.InterfaceError)


class Database:
    """Statements in autocommit over a pool that is opened at the first use, in the process that uses it.

    A pool that was opened before a fork would give two processes the same connection, and each the other's rows.
    """

    def __init__(self, url: str, *, max_connections: int = 8, wait: float = 5.0):
        self._url = make_conninfo(**{**_LIVELY, **conninfo_to_dict(url)})  # type: ignore[arg-type]  # all of them fit
        self._max = max_connections
        self._wait = wait
        self._pool: Pool | None = None
        self._pid = 0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return "Database(…)"  # the URL may hold a password

    def read(self, query: Query, params: Mapping[str, Any] | None = None) -> list[Row]:
        """All rows. Asked once more if the connection turns out to be dead. Raises Unavailable."""
        return self._repeated(lambda connection: connection.rows(query, params))

    def read_value(self, query: Query, params: Mapping[str, str | None]) -> Any:
        """The one JSON value that a statement answers with, None without a row. As `read`, at a third of its cost."""
        if any("\0" in value for value in params.values() if value):  # where libpq would take the text to end
            raise InvalidRequest(_UNTELLABLE)
        return self._repeated(lambda connection: connection.value(query, params))

    def write(self, query: Query, params: Mapping[str, Any] | None = None) -> list[Row]:
        """Runs a statement that changes rows; returns what it returns. Raises Unavailable, and never repeats it."""
        return self._run(lambda connection: connection.rows(query, params))

    def put(self, query: Query, params: Mapping[str, Any] | None = None) -> list[Row]:
        """As `write`, for what may as well be written twice: asked once more if the connection turns out to be dead."""
        return self._repeated(lambda connection: connection.rows(query, params))

    @contextmanager
    def leadership(self, number: int) -> Iterator[psycopg.Connection[DictRow] | None]:
        """Holds the cluster-wide advisory lock `number` on a connection of its own; None if another holds it."""
        try:
            with psycopg.connect(self._url, autocommit=True, row_factory=dict_row) as connection:
                for setting in _KEEPALIVE:
                    connection.execute(setting)
                row = connection.execute("SELECT pg_try_advisory_lock(%s) AS held", (number,)).fetchone()
                yield connection if row and row["held"] else None
        except _UNAVAILABLE as error:
            raise _unavailable(error) from error

    def close(self) -> None:
        """Closes the pool of this process; a later statement opens a new one."""
        with self._lock:
            pool, self._pool = self._pool, None
            if pool is not None and self._pid == os.getpid():
                pool.close()

    def _repeated(self, ask: Callable[[LeanConnection], _Answer]) -> _Answer:
        try:
            return self._run(ask)
        except Unavailable as error:
            if not isinstance(error.__cause__, psycopg.OperationalError) or isinstance(error.__cause__, PoolTimeout):
                raise
            return self._run(ask)

    def _run(self, ask: Callable[[LeanConnection], _Answer]) -> _Answer:
        tracing.current().statements += 1
        pool = self._opened()
        try:
            connection = pool.getconn()  # not `with pool.connection()`: it commits, and there is nothing to commit
            try:
                return ask(connection)
            finally:
                pool.putconn(connection)
        except _UNAVAILABLE as error:
            pool.check()  # one dead connection is seldom alone: the server went away
            raise _unavailable(error) from error
        except (psycopg.DataError, UnicodeEncodeError) as error:  # the latter: half a surrogate pair is no UTF-8
            raise InvalidRequest(_UNTELLABLE) from error

    def _opened(self) -> Pool:
        if self._pool is None or self._pid != os.getpid():
            with self._lock:
                if self._pool is None or self._pid != os.getpid():
                    self._pool, self._pid = self._new_pool(), os.getpid()
        return self._pool

    def _new_pool(self) -> Pool:
        return ConnectionPool(
            self._url,
            connection_class=LeanConnection,
            kwargs={"autocommit": True, "row_factory": dict_row},
            min_size=1,
            max_size=self._max,
            timeout=self._wait,
            reconnect_timeout=self._wait,  # or its pauses double for minutes: it would miss the end of an outage
            num_workers=1,
            open=True,
        )


def storable(text: str | None) -> str | None:
    """Somebody else's words without what no text of PostgreSQL may hold: NUL, and half a surrogate pair."""
    return None if text is None else text.replace("\0", "?").encode(errors="replace").decode()


def _unavailable(error: psycopg.Error) -> Unavailable:
    """For psycopg's ways to say "not now". Their text may name hosts and users: it stays in the log."""
    log.error("database: %s", str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)
    return Unavailable("The gateway's database does not answer. Try again.")
