"""A real PostgreSQL for every test that asks for one: one server a run, one database a worker, empty for each test."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from managed_files import migrate
from managed_files.database import Database
from managed_files.local_postgres import LocalPostgres


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server that all workers of this run share; the last one out stops it."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    server = LocalPostgres(Path(tempfile.gettempdir()) / f"managed-files-tests-{run}")
    url = server.start()
    yield url
    server.stop()


@pytest.fixture(scope="session")
def database_url(server_url: str) -> str:
    """A migrated database of this worker's own, copied from one template."""
    name = f"test_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    lock = Path(tempfile.gettempdir()) / f"managed-files-template-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"
    with lock.open("w") as handle, psycopg.connect(server_url, autocommit=True) as admin:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = 'template_mf'").fetchone():
            admin.execute("CREATE DATABASE template_mf")
            migrate.apply(make_conninfo(server_url, dbname="template_mf"))
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template_mf")
    lock.unlink(missing_ok=True)
    return make_conninfo(server_url, dbname=name)


@pytest.fixture
def url(database_url: str) -> str:
    """The worker's database with empty tables."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("TRUNCATE files, copies, idempotency, audit, api_keys RESTART IDENTITY")
    return database_url


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """The gateway's own door to it."""
    database = Database(url)
    yield database
    database.close()
