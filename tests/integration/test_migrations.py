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
from managed_files.errors import ConfigError

ADVISORY = 0x6D66_0001  # the lock of whoever applies migrations
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


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://me:s3cret@db/files", "libpq cannot read it"),
        ("postgresql+psycopg://me:s3cret@db/files", "libpq cannot read it"),
        ("postgresql://me:p@s3cret@127.0.0.1/files", "libpq cannot read it"),
        ("postgresql://me:s3cret@db/files?schema=public", 'invalid URI query parameter: "schema"'),
        ("postgresql://me:s3cret@127.0.0.1:1/files", "Connection refused"),
    ],
)
def test_an_address_that_is_none_is_told_without_its_password(url: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        migrate.apply(url)
    assert (said in refused.value.message, "s3cret" in refused.value.message) == (True, False)


def test_a_database_may_have_any_name(server_url: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute('DROP DATABASE IF EXISTS "my %40 files"')
        admin.execute('CREATE DATABASE "my %40 files"')
    assert set(migrate.apply(make_conninfo(server_url, dbname="my %40 files"))) == migrate.known()


def test_a_user_without_rights_is_told_what_is_missing(rolled_back: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot be brought up to date.*GRANT CREATE ON SCHEMA public"):
        migrate.apply(make_conninfo(rolled_back, options="-c default_transaction_read_only=on"))


def test_a_lock_that_others_keep_is_told_as_such(rolled_back: str) -> None:
    impatient = make_conninfo(rolled_back, options="-c lock_timeout=1")
    with psycopg.connect(rolled_back) as another:
        another.execute("SELECT pg_advisory_lock(%s)", (ADVISORY,))
        with pytest.raises(ConfigError, match=r"cannot be brought up to date: .* lock timeout$"):
            migrate.apply(impatient)
