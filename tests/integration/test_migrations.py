"""Migrations that are killed half-way: the next start begins where the last one really ended."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from managed_files import migrate

_WAITING = "SELECT count(*) FROM pg_locks WHERE relation = '_yoyo_migration'::regclass AND NOT granted"


@pytest.fixture
def rolled_back(server_url: str) -> str:
    """A database that knows yoyo's own tables and none of ours."""
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS killed WITH (FORCE)")
        admin.execute("CREATE DATABASE killed")
    url = make_conninfo(server_url, dbname="killed")
    migrate.apply(url)
    migrate.rollback_all(url)
    return url


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"


@contextmanager
def notes_held_back(url: str) -> Iterator[psycopg.Connection]:
    """Nobody can write down that a migration is applied."""
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE _yoyo_migration IN EXCLUSIVE MODE")
        yield connection


def test_a_migration_killed_before_it_is_noted_is_applied_again(rolled_back: str) -> None:
    program = "import sys; from managed_files import migrate; migrate.apply(sys.argv[1])"
    with (
        notes_held_back(rolled_back) as holder,
        subprocess.Popen([sys.executable, "-c", program, rolled_back]) as process,
    ):
        until(lambda: holder.execute(_WAITING).fetchone() != (0,))
        process.kill()
    assert set(migrate.apply(rolled_back)) == migrate.known()
