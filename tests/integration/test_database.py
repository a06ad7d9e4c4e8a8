"""The door to PostgreSQL when processes fork, connections die, or the database is away."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app import MIGRATED
from managed_files.database import Database
from managed_files.errors import ConfigError, Unavailable
from managed_files.queries import Query
from tests.gateway import CONTENT, GPT, TARGETS, Bench, StandIns, form, settings_for
from tests.gateway_fixtures import Sql

ECHO = Query("echo", "Gives back what it is given.", "SELECT %(number)s::int AS number")
KILL = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = %s"
FORKING = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from managed_files.database import Database
from managed_files.queries import Query

ECHO = Query("echo", "", "SELECT %(number)s::int AS number")
database = Database(sys.argv[1])

def own(start):
    numbers = range(start, start + 300)
    with ThreadPoolExecutor(4) as threads:
        rows = threads.map(lambda number: database.read(ECHO, {"number": number})[0]["number"], numbers)
        return list(rows) == list(numbers)

assert own(0)
children = []
for start in (1000, 2000):
    child = os.fork()
    if not child:
        right = own(start)
        database.close()
        os._exit(0 if right else 1)
    children.append(child)
right = own(3000)
assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0] and right and own(4000)
database.close()
"""


def kill_all(url: str, server_url: str) -> None:
    """Ends every connection to the test's database, as a restart of the server does."""
    name = conninfo_to_dict(url)["dbname"]
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(KILL, (name,))


def test_a_pool_survives_a_fork_with_the_right_rows(url: str) -> None:
    ran = subprocess.run([sys.executable, "-c", FORKING, url], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_reads_survive_the_death_of_every_connection(database: Database, url: str, server_url: str) -> None:
    numbers = range(16)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: database.read(ECHO, {"number": number}), numbers))
        kill_all(url, server_url)
        rows = [row[0]["number"] for row in threads.map(lambda n: database.read(ECHO, {"number": n}), numbers)]
    assert rows == list(numbers)


def test_a_write_is_not_repeated_but_the_next_one_works(database: Database, url: str, server_url: str) -> None:
    database.write(ECHO, {"number": 1})
    kill_all(url, server_url)
    with pytest.raises(Unavailable):
        database.write(ECHO, {"number": 2})
    assert database.write(ECHO, {"number": 3}) == [{"number": 3}]


def test_what_may_be_written_twice_survives_the_death_of_its_connection(
    database: Database, url: str, server_url: str
) -> None:
    database.put(ECHO, {"number": 1})
    kill_all(url, server_url)
    assert database.put(ECHO, {"number": 2}) == [{"number": 2}]


def test_the_end_of_an_outage_is_noticed_by_the_next_request(url: str, server_url: str) -> None:
    database, name = Database(url, wait=0.2), conninfo_to_dict(url)["dbname"]
    database.read(ECHO, {"number": 1})
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        try:
            admin.execute(KILL, (name,))
            for _ in range(7):  # long enough for pauses to grow
                with pytest.raises(Unavailable):
                    database.read(ECHO, {"number": 2})
        finally:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
    found = database.read(ECHO, {"number": 3})
    database.close()
    assert found == [{"number": 3}]


def test_requests_survive_a_restart_of_the_database(bench: Bench, url: str, server_url: str) -> None:
    file_id = bench.stored(GPT)
    paths = ("/files", f"/files/{file_id}", "/key/list", "/health/readiness")
    answers = []
    for path in paths:
        kill_all(url, server_url)
        answers.append(bench.call("GET", path).status_code)
    assert answers == [200] * 4


def test_an_upload_survives_a_restart_of_the_database(bench: Bench, url: str, server_url: str) -> None:
    body = form(TARGETS, CONTENT)
    answer = bench.feed(body[:8000], lambda: kill_all(url, server_url), body[8000:], length=len(body))
    assert (answer.status_code, bench.stand_ins.counts()) == (200, {"openai": 1, "azure": 0, "google": 1})


def test_an_upload_is_settled_however_often_that_is_told(bench: Bench, sql: Sql) -> None:
    file_id, repository = bench.stored(), bench.gateway.repository
    again = repository.settle(file_id, len(CONTENT), b"")
    trail = sql("SELECT action FROM audit")
    repository.abandon(file_id, 0)
    assert (again, trail, bench.call("GET", f"/files/{file_id}").status_code) == (True, [("file.create",)], 404)


def test_a_server_that_says_no_goodbye_is_noticed_as_soon_as_its_url_wants(url: str) -> None:
    with Database(make_conninfo(url, keepalives_idle=99)).leadership(1) as connection:
        assert connection is not None
        given = connection.info.get_parameters()
    assert {name: given[name] for name in ("connect_timeout", "keepalives_idle", "tcp_user_timeout")} == {
        "connect_timeout": "10",
        "keepalives_idle": "99",
        "tcp_user_timeout": "25000",
    }


def test_a_database_url_with_a_password_never_shows(url: str) -> None:
    assert "pass" not in repr(Database(make_conninfo(url, password="pass")))


@pytest.fixture
def away(database_url: str, server_url: str, stand_ins: StandIns) -> Iterator[Bench]:
    """A gateway whose database went away after its start."""
    name = f"{conninfo_to_dict(database_url)['dbname']}_away"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template_mf".encode())
        bench = Bench(settings_for(make_conninfo(database_url, dbname=name), stand_ins), stand_ins)
        bench.call("GET", "/files")
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        admin.execute(KILL, (name,))
        yield bench
        bench.close()
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def test_without_the_database_everything_says_try_again_and_nothing_is_uploaded(away: Bench) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("/health/readiness", {}),
        ("/files", {}),
        ("/files/file-mf-" + "a" * 32, {}),
        ("/key/list", {}),
    ]
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(away.call, "GET", path, **options) for path, options in calls]
        asked += [threads.submit(away.upload, GPT), threads.submit(away.chat, GPT)]
        answers = [future.result() for future in asked]
    told = [(answer.status_code, answer.headers["Retry-After"], (answer.json or {})["error"]) for answer in answers]
    error = {
        "message": "The gateway's database does not answer. Try again.",
        "type": "service_unavailable_error",
        "param": None,
        "code": None,
    }
    assert (told, away.call("GET", "/health/liveliness").status_code, away.stand_ins.calls("/v1/files")) == (
        [(503, "1", error)] * 6,
        200,
        0,
    )


def test_a_worker_may_be_born_while_the_database_is_away(stand_ins: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_for("postgresql://me@127.0.0.1:1/files", stand_ins)
    with pytest.raises(ConfigError, match="cannot be reached"):
        Bench(settings, stand_ins)
    monkeypatch.setenv(MIGRATED, settings.database_url or "")
    born = Bench(settings, stand_ins)
    status = born.call("GET", "/health/liveliness").status_code
    born.close()
    assert status == 200


def test_readiness_needs_every_migration(bench: Bench, sql: Sql) -> None:
    sql("ALTER TABLE _yoyo_migration RENAME TO elsewhere")
    sql("CREATE TABLE _yoyo_migration AS SELECT * FROM elsewhere WHERE false")
    answer = bench.call("GET", "/health/readiness", None)
    sql("DROP TABLE _yoyo_migration")
    sql("ALTER TABLE elsewhere RENAME TO _yoyo_migration")
    assert (answer.status_code, "migrate" in answer.text) == (503, True)
