"""Every statement of sql/ against the migrated schema, and the way of the schema up, down and up."""

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from managed_files import migrate, queries

QUERIES = queries.load()
_SCHEMA = """
    SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name NOT LIKE '%yoyo%'
    UNION ALL
    SELECT tablename, indexname, indexdef, '' FROM pg_indexes
    WHERE schemaname = 'public' AND tablename NOT LIKE '%yoyo%'
    ORDER BY 1, 2
"""


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_every_statement_can_be_prepared(name: str, url: str) -> None:
    text, _ = queries.numbered(QUERIES[name])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"PREPARE statement AS {text}".encode())


def test_every_statement_is_used() -> None:
    sources = "".join(path.read_text() for path in queries.SQL_FOLDER.parent.joinpath("managed_files").rglob("*.py"))
    assert [name for name in QUERIES if f'"{name}"' not in sources] == []


def test_schema_goes_up_down_and_up(server_url: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS up_down")
        admin.execute("CREATE DATABASE up_down")
    target = make_conninfo(server_url, dbname="up_down")
    with psycopg.connect(target, autocommit=True) as connection:
        migrate.apply(target)
        first = connection.execute(_SCHEMA).fetchall()
        migrate.rollback_all(target)
        assert connection.execute(_SCHEMA).fetchall() == []
        migrate.apply(target)
        assert connection.execute(_SCHEMA).fetchall() == first


def test_lock_of_a_killed_migration_is_broken(server_url: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS stale_lock")
        admin.execute("CREATE DATABASE stale_lock")
    target = make_conninfo(server_url, dbname="stale_lock")
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE yoyo_lock (locked INT DEFAULT 1, ctime TIMESTAMP, pid INT NOT NULL, PRIMARY KEY (locked))"
        )
        connection.execute("INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 999999)")
    assert set(migrate.apply(target)) == migrate.known()
