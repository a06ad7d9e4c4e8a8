"""Applies migrations/*.sql with yoyo, one process of the cluster at a time. The schema changes nowhere else."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from managed_files import queries
from managed_files.database import Database
from managed_files.errors import ConfigError

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
_LOCK = 0x6D66_0001  # "mf" and a number: this gateway's advisory locks
_SETTING = "general_settings.database_url (or DATABASE_URL)"
log = logging.getLogger(__name__)


class Unreachable(ConfigError):
    """The database does not answer, or not in time, so that nobody can tell whether it is up to date."""


def known() -> set[str]:
    """The migrations that this version of the gateway needs."""
    return {path.name.removesuffix(".sql") for path in MIGRATIONS.glob("*.sql") if ".rollback." not in path.name}


def is_current(database: Database) -> bool:
    """Whether every migration that this version needs is applied. Raises Unavailable."""
    rows = database.read(queries.load()["applied_migrations"])
    return known() <= {row["migration_id"] for row in rows}


def apply(url: str) -> list[str]:
    """Brings the database up to date; the names of what was applied. Safe from many processes at once. Raises
    Unreachable, ConfigError.

    yoyo marks its run with a row that a killed process leaves behind and that would block every later start. Whoever
    holds the advisory lock knows that no other run is alive, so it may remove the row.
    """
    options = _options(url)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            if not (known() - _applied(connection)):
                return []
            connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            _break_stale_lock(connection)
            return _apply_with_yoyo(options)
    except psycopg.OperationalError as error:
        step = "brought up to date" if error.sqlstate else "reached"  # only who was reached has a code
        raise Unreachable(f"The database of {_SETTING} cannot be {step}: {_first_line(error)}") from error
    except psycopg.Error as error:
        raise ConfigError(
            f"The database of {_SETTING} cannot be brought up to date: {_first_line(error)}. Its user must own the "
            "gateway's tables and may create more: GRANT CREATE ON SCHEMA public TO that user."
        ) from error


def rollback_all(url: str) -> None:
    """Takes every migration back, newest first."""
    backend, migrations = _yoyo(_options(url))
    with backend.lock():
        backend.rollback_migrations(backend.to_rollback(migrations))
    backend.connection.close()


def _applied(connection: psycopg.Connection) -> set[str]:
    row = connection.execute("SELECT to_regclass('_yoyo_migration') IS NOT NULL").fetchone()
    if not row or not row[0]:
        return set()
    return {name for (name,) in connection.execute("SELECT migration_id FROM _yoyo_migration")}


def _break_stale_lock(connection: psycopg.Connection) -> None:
    row = connection.execute("SELECT to_regclass('yoyo_lock') IS NOT NULL").fetchone()
    if row and row[0]:
        connection.execute("DELETE FROM yoyo_lock")


def _apply_with_yoyo(options: Mapping[str, Any]) -> list[str]:
    backend, migrations = _yoyo(options)
    with backend.lock():
        waiting = backend.to_apply(migrations)
        for migration in waiting:
            _apply_one(backend, migration)
    backend.connection.close()
    names = [migration.id for migration in waiting]
    log.info("migrations applied: %s", ", ".join(names) or "none")
    return names


def _apply_one(backend, migration) -> None:  # type: ignore[no-untyped-def]  # yoyo has no types
    """The change and the note that it is made, in one transaction.

    yoyo's own way commits them one after the other: a process killed in between leaves a database that every later
    start tries to change again, in vain. A file that opts out with `-- transactional: false` has to bear that.
    """
    migration.load()
    if migration.use_transactions:
        with backend.transaction():
            migration.process_steps(backend, "apply")
            backend.mark_one(migration)
    else:
        backend.apply_one(migration)


def _yoyo(options: Mapping[str, Any]):  # type: ignore[no-untyped-def]  # yoyo has no types
    import yoyo  # only a start with something to apply pays for it

    uri = f"postgresql+psycopg:///?{urlencode(options)}"  # a name of the database before the query it would not decode
    return yoyo.get_backend(uri), yoyo.read_migrations(str(MIGRATIONS))


def _options(url: str) -> dict[str, Any]:
    """What libpq reads in the URL. Raises ConfigError, which quotes no more of it than the name of an option."""
    wrong = "libpq cannot read it"
    try:
        options = conninfo_to_dict(url)
        if "@" not in str(options.get("host", ""))[1:]:  # else the end of a password that holds one
            return options
    except psycopg.ProgrammingError as error:
        if option := re.search(r'invalid URI query parameter: "\w+"', str(error)):
            wrong = option[0]
    raise ConfigError(
        f"{_SETTING} is not an address of PostgreSQL: {wrong}. Write postgresql://user:password@host:5432/name, the "
        "password's special characters as %40 and so on."
    )


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]
