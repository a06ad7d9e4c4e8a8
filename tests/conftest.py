"""A real PostgreSQL for every test that asks for one: one server a run, one database a worker, empty for each test."""

import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool import ConnectionPool

from managed_files import migrate
from managed_files.database import Database
from managed_files.local_postgres import LocalPostgres

_FOLDER = "MANAGED_FILES_TEST_FOLDER"  # of this run; workers inherit the variable from the process that starts them
# TRUNCATE would do the same, but costs a hundred times as much: it gives every table and every index a new file.
_EMPTY = """
    LOCK files, copies, idempotency, batch_inputs, batch_lines, batches, batch_parts, batch_runs, batch_results,
        batch_idempotency, audit, api_keys;
    DELETE FROM batch_parts;
    DELETE FROM batches;
    DELETE FROM copies;
    DELETE FROM files;
    DELETE FROM audit;
    DELETE FROM api_keys;
"""


def pytest_configure(config: pytest.Config) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background a shell ignores it, for children too
    if not hasattr(config, "workerinput"):
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="managed-files-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[_FOLDER], ignore_errors=True)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """The server that all workers of this run share; the last one out stops it. It need not survive a power cut."""
    server = LocalPostgres(Path(os.environ[_FOLDER]))
    url = server.start()
    with psycopg.connect(make_conninfo(url, user="postgres"), autocommit=True) as admin:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            admin.execute(f"ALTER SYSTEM SET {setting} = off".encode())
        admin.execute("SELECT pg_reload_conf()")
    yield url
    server.stop()


@pytest.fixture(scope="session")
def database_url(server_url: str) -> str:
    """A migrated database of this worker's own, copied from one template."""
    name = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    lock = Path(os.environ[_FOLDER]) / "template.lock"
    with lock.open("w") as handle, psycopg.connect(server_url, autocommit=True) as admin:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = 'template_mf'").fetchone():
            admin.execute("CREATE DATABASE template_mf")
            migrate.apply(make_conninfo(server_url, dbname="template_mf"))
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template_mf")
    return make_conninfo(server_url, dbname=name)


@pytest.fixture(scope="session")
def broom(database_url: str) -> Iterator[ConnectionPool]:
    """A connection to the worker's database, a new one when a test has cut it."""
    check, options = ConnectionPool.check_connection, {"autocommit": True}
    with ConnectionPool(database_url, min_size=1, max_size=1, check=check, kwargs=options, open=True) as pool:
        yield pool


@pytest.fixture
def url(database_url: str, broom: ConnectionPool) -> str:
    """The worker's database with empty tables."""
    with broom.connection() as connection:
        while not emptied(connection):
            pass
    return database_url


def emptied(connection: psycopg.Connection) -> bool:
    """Whether all tables are empty now. A gateway that looks for work meanwhile may want them in another order."""
    try:
        connection.execute(_EMPTY)
    except psycopg.errors.DeadlockDetected:
        return False
    return True


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The gateway's own door to it."""
    database = Database(url)
    yield database
    database.close()
