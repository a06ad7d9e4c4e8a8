"""Lists and look-ups find their rows by an index, however many files there are."""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from managed_files import queries

SQL = queries.load()
WHOLE = re.compile(r"Seq Scan on (files|copies|batches|batch_parts|batch_runs)\b")
# 20,000 files of which the caller owns a tenth and its team a tenth.
FILES = """
    INSERT INTO files (id, owner, team, filename, purpose, mime_type, state, bytes, sha256, created_at)
    SELECT 'file-' || n, 'user-' || n % 10, CASE WHEN n % 10 < 5 THEN 'team-' || n / 7 % 10 END, 'a.pdf',
        (ARRAY['user_data', 'batch', 'vision', 'assistants'])[1 + n % 4], 'application/pdf', 'stored', 1, '\\x00',
        now() - n * interval '1 second'
    FROM generate_series(1, 20000) AS n
"""
COPIES = """
    INSERT INTO copies (file_id, account, provider, state, remote_id)
    SELECT id, 'account', 'openai', 'ready', 'remote' FROM files
"""
# 20,000 batches of two parts each; one in a hundred runs.
BATCHES = """
    INSERT INTO batches (id, owner, team, input_file_id, endpoint, completion_window, status, created_at, expires_at)
    SELECT 'batch-' || n, 'user-' || n % 10, CASE WHEN n % 10 < 5 THEN 'team-' || n / 7 % 10 END, 'file-' || n, '/v1',
        '24h', CASE WHEN n % 100 = 0 THEN 'in_progress' ELSE 'completed' END, now() - n * interval '1 second', now()
    FROM generate_series(1, 20000) AS n
"""
PARTS = """
    INSERT INTO batch_parts (
        batch_id, number, id, file_id, input, model_group, deployment, account, provider, lines, custom_ids, state,
        results, next_attempt_at
    )
    SELECT 'batch-' || n / 2, n % 2, 'part-' || n, 'file-' || n / 2, n % 2, 'gpt', 'openai/gpt', 'account', 'openai', 1,
        '', CASE WHEN n / 2 % 100 = 0 THEN 'in_progress' ELSE 'completed' END,
        CASE WHEN n / 2 % 100 = 0 THEN 'none' ELSE 'kept' END, CASE WHEN n / 2 % 100 = 0 THEN now() END
    FROM generate_series(2, 40001) AS n
"""
# 20,000 chunks at three accounts, all of one time.
RUNS = """
    INSERT INTO batch_runs (batch_id, number, chunk, account)
    SELECT 'batch-1', 0, n, 'account-' || n % 3 FROM generate_series(1, 20000) AS n
"""
CALLER = {"user_id": "user-1", "team_id": "team-1", "admin": False}
PAGE: dict[str, Any] = {**CALLER, "after": None, "limit": 21, "purpose": None}
DUE: dict[str, Any] = {"busy": ["account-1"], "batch_id": None, "stale": 3, "lease": 40, "pause": 2}
BATCH_PAGE: dict[str, Any] = {**CALLER, "after": None, "limit": 21, "status": None}
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "first page": ("list_files_desc", PAGE),
    "oldest first": ("list_files_asc", PAGE),
    "deep page": ("list_files_desc", PAGE | {"after": "file-15001"}),
    "deep page, oldest first": ("list_files_asc", PAGE | {"after": "file-5001"}),
    "of one purpose": ("list_files_of_purpose_desc", PAGE | {"purpose": "batch"}),
    "of one purpose, oldest first": ("list_files_of_purpose_asc", PAGE | {"purpose": "batch"}),
    "deep page of one purpose": ("list_files_of_purpose_desc", PAGE | {"purpose": "batch", "after": "file-15001"}),
    "without a team": ("list_files_desc", PAGE | {"team_id": None}),
    "after a file that is gone": ("list_files_desc", PAGE | {"after": "file-mf-gone"}),
    "one file": ("file_of_caller", {**CALLER, "id": "file-77"}),
    "one file of an admin": ("file_of_caller", {**CALLER, "id": "file-77", "admin": True}),
    "files of a chat": ("caller_and_files", {"digest": b"x", "master_user": "user-1", "ids": "file-1,file-77"}),
    "due copies": ("claim_due_copy", {"busy": ["account-1"]}),
    "one file is deleted": ("begin_delete", {"id": "file-77", "actor": "me", "grace": 60}),
    "expired files": ("expire_files", {"limit": 100}),
    "batches": ("list_batches", BATCH_PAGE),
    "deep page of batches": ("list_batches", BATCH_PAGE | {"after": "batch-15001"}),
    "batches of one status": ("list_batches", BATCH_PAGE | {"status": "completed"}),
    "one batch": ("batch_of_caller", {**CALLER, "id": "batch-77"}),
    "its parts": ("parts_of_batch", {"batch_id": "batch-77"}),
    "due parts": ("claim_due_part", DUE),
    "parts of a batch": ("claim_due_part", DUE | {"batch_id": "batch-100"}),
    "free lines": ("claim_run", {"accounts": ["account-0", "account-1", "account-2"], "lease": 40}),
    "batches to settle": ("batches_to_settle", {"id": None, "limit": 16}),
    "files without copies": ("forget_files", {}),
    "lost leases": ("end_expired_leases", {"limit": 100}),
}


@pytest.fixture(scope="module")
def many(database_url: str, server_url: str) -> Iterator[psycopg.Connection]:
    """A database with many files, its statistics up to date."""
    name = f"{conninfo_to_dict(database_url)['dbname']}_many"
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template_mf".encode())
        with psycopg.connect(make_conninfo(database_url, dbname=name), autocommit=True) as connection:
            for statement in (FILES, COPIES, BATCHES, PARTS, RUNS, "ANALYZE"):
                connection.execute(statement.encode())
            yield connection
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
@pytest.mark.parametrize("question", sorted(ASKED))
def test_no_question_reads_a_whole_table(question: str, mode: str, many: psycopg.Connection) -> None:
    name, parameters = ASKED[question]
    many.execute(f"SET plan_cache_mode = {mode}".encode())
    plan = [row[0] for row in many.execute(b"EXPLAIN " + SQL[name].text.encode(), parameters)]
    assert [line for line in plan if WHOLE.search(line)] == []


@pytest.mark.parametrize("question", ["first page", "deep page", "free lines"])
def test_few_rows_are_touched(question: str, many: psycopg.Connection) -> None:
    name, parameters = ASKED[question]
    with many.transaction(force_rollback=True):
        row = many.execute(b"EXPLAIN (ANALYZE, FORMAT JSON) " + SQL[name].text.encode(), parameters).fetchone()
    assert row is not None
    assert most_rows(row[0][0]["Plan"]) <= 200


def most_rows(node: dict[str, Any]) -> float:
    """The most rows that any node of the plan has read, rows that its filter threw away included."""
    own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return max([float(own), *(most_rows(inner) for inner in node.get("Plans", ()))])


def test_a_page_of_many_files_is_planned_once(many: psycopg.Connection) -> None:
    with psycopg.connect(many.info.dsn) as connection, connection.transaction(force_rollback=True):
        connection.execute("UPDATE files SET owner = 'user-1'")
        connection.execute("ANALYZE files")
        for _ in range(12):  # PostgreSQL plans the first five times anew, then chooses
            connection.execute(SQL["list_files_desc"].text.encode(), PAGE, prepare=True)
        row = connection.execute("SELECT max(generic_plans) FROM pg_prepared_statements").fetchone()
    assert row == (7,)
