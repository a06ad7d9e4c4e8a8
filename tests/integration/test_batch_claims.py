"""Two at one part of a batch: who comes late changes nothing, and none waits for what the other has locked."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import psycopg
import pytest

from managed_files.batch_records import Count, Job, JobState, LineResult, NewBatch, Part
from managed_files.batch_repository import BatchRepository
from managed_files.database import Database
from managed_files.records import Caller
from managed_files.repository import FileRepository
from managed_files.run_repository import RunRepository
from managed_files.services.batches.ending import FINAL, shown
from tests.gateway_fixtures import Sql

FILE = (
    "INSERT INTO files (id, owner, filename, purpose, mime_type, state, bytes, sha256) "
    "VALUES ('file', 'me', 'x', 'batch', 'x', 'stored', 1, '')"
)
CHILD = FILE.replace("id, owner", "id, parent, owner").replace("'file', ", "'child', 'file', ")
INPUT = "INSERT INTO batch_inputs VALUES ('file', 0, NULL, 'g', 'p/m', 'a', 'p', '/v1/chat/completions', 1, '', NULL)"
PART = "SELECT state, job_id, unsure, lease_until > now(), next_attempt_at > now() FROM batch_parts"
NEW = NewBatch("batch", Caller("me"), "file", None, "/v1/chat/completions", "24h", 86_400)

SHOWN = ("validating", "finalizing", "in_progress", "cancelling", *FINAL)
NOTHING = Count(0, 1, 0, 1, {})


@pytest.fixture
def parts(database: Database, sql: Sql) -> BatchRepository:
    """With a batch of one part, whose lines wait with the gateway."""
    sql(FILE)
    sql(INPUT)
    repository = BatchRepository(database)
    repository.keep_lines("file", 0, 0, b"{}")
    repository.create(NEW, {0: "part"})
    return repository


def claimed(parts: BatchRepository, sql: Sql) -> Part:
    """The part, whoever holds it."""
    sql("UPDATE batch_parts SET lease_until = NULL, next_attempt_at = now()")
    part = parts.claim_part([], lease=40.0, pause=60.0)
    assert part is not None
    return part


def test_who_lost_the_part_makes_no_job_and_notes_nothing(parts: BatchRepository, sql: Sql) -> None:
    late, now = claimed(parts, sql), claimed(parts, sql)
    assert parts.begin_job(now)
    before = sql(PART)
    done = [parts.begin_job(late), parts.note(late, Job("", JobState.CANCELLED)), parts.count(late, NOTHING)]
    parts.note_error(late, "refused", 0.0, sure=True)
    parts.give_up(late, "refused")
    assert (done, sql(PART)) == ([False] * 3, before)


def test_a_job_that_two_have_found_is_one(parts: BatchRepository, sql: Sql) -> None:
    late, now = claimed(parts, sql), claimed(parts, sql)
    noted = [parts.note_job(part, job_id, 9.0) for part, job_id in ((late, "job"), (now, "job"), (now, "another"))]
    assert (noted, sql("SELECT state, job_id FROM batch_parts")) == ([True, True, False], [("validating", "job")])


def test_a_cancel_that_comes_amid_a_step_is_heeded_at_once(parts: BatchRepository, sql: Sql) -> None:
    part = claimed(parts, sql)
    parts.cancel("batch", "me")
    parts.note_error(part, "later", 600.0)
    again = parts.claim_part([], lease=40.0, pause=60.0)
    assert (again and again.cancelling, again and again.attempts) == (True, 1)


@pytest.mark.parametrize("state", [JobState.COMPLETED, JobState.FAILED])
def test_what_stood_in_the_way_of_counting_is_told_no_more(state: JobState, parts: BatchRepository, sql: Sql) -> None:
    part = claimed(parts, sql)
    parts.note(part, Job("", state))
    parts.note_error(part, "no results", 0.0)
    parts.count(claimed(parts, sql), NOTHING)
    assert sql("SELECT error FROM batch_parts") == [("no results" if state == "failed" else None,)]


@pytest.mark.parametrize(("error", "seconds", "looked_at"), [(None, 9, True), ("no", 9, False), ("no", 61, True)])
def test_impatience_uses_up_no_attempts(
    error: str | None, seconds: int, looked_at: bool, parts: BatchRepository, sql: Sql
) -> None:
    parts.note_job(claimed(parts, sql), "job", 600.0)
    sql("UPDATE batch_parts SET error = %s, polled_at = now() - %s * interval '1 second'", error, seconds)
    found = parts.claim_part([], lease=40.0, pause=60.0, batch_id="batch", stale=3.0)
    assert (found is not None) == looked_at


def test_lines_that_are_gone_are_not_run(parts: BatchRepository, database: Database, sql: Sql) -> None:
    part = claimed(parts, sql)
    sql("DELETE FROM batch_lines")
    assert (RunRepository(database).begin(part, 9.0), sql("SELECT state FROM batch_parts")) == (False, [("waiting",)])


def test_lines_stay_while_another_batch_may_run_them(parts: BatchRepository, sql: Sql) -> None:
    parts.keep_lines("file", 1, 0, b"{}")  # of another target
    parts.create(replace(NEW, id="second"), {0: "another part"})
    left = []
    for name in ("batch", "second"):
        parts.settle(name, "completed", f"output of {name}", None)
        left.append(sql("SELECT input FROM batch_lines ORDER BY input"))
    assert left == [[(0,), (1,)], [(1,)]]


def test_a_batch_is_listed_by_the_status_that_it_shows(parts: BatchRepository, sql: Sql) -> None:
    for kept, state, begun in product(SHOWN[2:], ["waiting", *JobState], [None, "now"]):
        sql("UPDATE batches SET status = %s, in_progress_at = %s::timestamptz", kept, begun)
        sql("UPDATE batch_parts SET state = %s", state)
        found = [status for status in SHOWN if parts.page(NEW.caller, after=None, limit=9, status=status)]
        assert found == [shown(parts.by_id("batch"))], (kept, state, begun)


@pytest.fixture
def locked(url: str) -> Iterator[psycopg.Connection]:
    """A transaction that has the part's row, as every step that notes something."""
    with psycopg.connect(url) as connection:
        yield connection


@pytest.mark.parametrize("first", ["batches", "batch_runs"])
def test_whoever_waits_for_a_part_has_locked_nothing_before_it(
    first: str, parts: BatchRepository, database: Database, sql: Sql, locked: psycopg.Connection
) -> None:
    runs, part = RunRepository(database), claimed(parts, sql)
    runs.begin(part, 9.0)
    run = runs.claim(["a"], 40.0)
    assert run is not None
    locked.execute("SELECT FROM batch_parts FOR UPDATE")
    tasks: dict[str, Callable[[], None]] = {
        "batches": lambda: parts.cancel("batch", "me"),
        "batch_runs": lambda: runs.end(run),
    }
    waiting = threading.Thread(target=tasks[first])
    waiting.start()
    until_it_waits(waiting, sql)
    locked.execute(f"SELECT FROM {first} FOR UPDATE NOWAIT".encode())
    locked.rollback()
    waiting.join()
    assert sql("SELECT next_attempt_at <= now() FROM batch_parts") == [(True,)]


def until_it_waits(somebody: threading.Thread, sql: Sql) -> None:
    while not sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"):
        assert somebody.is_alive(), "it waited for nothing"


def test_who_deletes_a_file_locks_it_before_its_children(
    database: Database, sql: Sql, locked: psycopg.Connection
) -> None:
    sql(FILE)
    sql(CHILD)
    locked.execute("SELECT FROM files WHERE id = 'file' FOR UPDATE")
    waiting = threading.Thread(target=FileRepository(database).begin_delete, args=("file", "me", 0.0))
    waiting.start()
    until_it_waits(waiting, sql)
    locked.execute("SELECT FROM files WHERE id = 'child' FOR UPDATE NOWAIT")
    locked.rollback()
    waiting.join()
    assert sql("SELECT DISTINCT state FROM files") == [("deleting",)]


def test_an_answer_that_comes_after_the_end_is_none(parts: BatchRepository, database: Database, sql: Sql) -> None:
    runs = RunRepository(database)
    runs.begin(claimed(parts, sql), 9.0)
    run = runs.claim(["a"], 40.0)
    assert run is not None
    parts.note(claimed(parts, sql), Job("", JobState.CANCELLED))
    runs.keep(run, LineResult("1", 200))
    assert sql("SELECT count(*) FROM batch_results") == [(0,)]


def test_a_chunk_is_freed_by_its_holder_only(parts: BatchRepository, database: Database, sql: Sql) -> None:
    runs = RunRepository(database)
    runs.begin(claimed(parts, sql), 9.0)
    late, now = runs.claim(["a"], 0.0), runs.claim(["a"], 40.0)
    assert late is not None
    assert now is not None
    runs.free(late)
    meanwhile = runs.claim(["a"], 40.0)
    runs.free(now)
    assert (runs.is_wanted(late), runs.is_wanted(now), meanwhile) == (False, True, None)
    assert runs.claim(["a"], 40.0) is not None
