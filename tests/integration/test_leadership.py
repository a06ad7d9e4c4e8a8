"""The background of several nodes: one works, another takes over when it stops or loses its connection."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from managed_files.sandbox.journal import Recorded
from tests.gateway import Bench, StandIns, settings_for
from tests.gateway_fixtures import Sql

Node = Callable[[str], Bench]


@pytest.fixture
def node(url: str, stand_ins: StandIns) -> Iterator[Node]:
    """Starts the background of a node; the provider sees the node's name in each of its requests."""
    with ExitStack() as stack:

        def start(name: str) -> Bench:
            entries = stand_ins.entries()[:1]
            entries[0]["litellm_params"]["extra_headers"] = {"x-node": name}
            bench = Bench(settings_for(url, stand_ins, entries, reconcile_interval=0.05), stand_ins)
            stack.callback(bench.close)
            bench.gateway.background.start()
            return bench

        yield start


def done_by(stand_ins: StandIns, sql: Sql, bench: Bench, name: str) -> str:
    """Makes a copy due, waits until it is gone, and returns the node that deleted it."""
    (account,) = bench.gateway.settings.accounts
    sql(
        "WITH file AS (INSERT INTO files (id, owner, filename, purpose, mime_type, state) "
        "VALUES (%s, 'me', 'x', 'x', 'x', 'deleting') RETURNING id) "
        "INSERT INTO copies (file_id, account, provider, state, remote_id, next_attempt_at) "
        "SELECT id, %s, 'openai', 'deleting', id, now() FROM file",
        name,
        account,
    )

    def wanted(request: Recorded) -> bool:
        return request.method == "DELETE" and request.path.endswith(f"/{name}")

    return stand_ins.openai.wait_for(wanted)[0].headers["x-node"]


def test_only_one_works_and_the_other_takes_over_when_it_stops(node: Node, stand_ins: StandIns, sql: Sql) -> None:
    first = node("first")
    before = [done_by(stand_ins, sql, first, "file-0")]
    second = node("second")
    before += [done_by(stand_ins, sql, second, f"file-{number}") for number in (1, 2, 3)]
    first.gateway.background.stop()
    after = [done_by(stand_ins, sql, second, f"file-{number}") for number in (4, 5)]
    assert (before, after[-1]) == (["first"] * 4, "second")


def test_a_leader_that_loses_its_connection_does_not_stay_dead(node: Node, stand_ins: StandIns, sql: Sql) -> None:
    bench = node("only")
    done_by(stand_ins, sql, bench, "file-0")
    killed = sql(
        "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database AS d ON d.oid = database "
        "WHERE locktype = 'advisory' AND granted AND d.datname = current_database()"
    )
    assert (killed, done_by(stand_ins, sql, bench, "file-1")) == ([(True,)], "only")


def test_it_starts_with_the_first_request(url: str, stand_ins: StandIns, sql: Sql) -> None:
    bench = Bench(settings_for(url, stand_ins, reconcile_interval=0.05), stand_ins)
    bench.call("GET", "/health/liveliness", None)
    file_id = bench.stored("gpt")
    sql("UPDATE files SET expires_at = now()")
    gone = stand_ins.openai.wait_for(lambda request: request.method == "DELETE")
    bench.close()
    assert (len(gone), file_id.startswith("file-mf-")) == (1, True)
