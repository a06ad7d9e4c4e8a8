"""Uploads that go wrong at one provider: repeated where that helps, else nothing is left and every target is told."""

import hashlib
from threading import Event, Thread
from typing import Any

import pytest

from managed_files.ids import name_mark
from managed_files.sandbox.faults import Fault
from tests.gateway import CONTENT, GEMINI, GPT, TARGETS, Bench, form, left_at_openai
from tests.gateway_fixtures import Sql

OPENAI, GOOGLE = "/v1/files", "/upload/storage"
ONE_EACH, NONE = {"openai": 1, "azure": 0, "google": 1}, {"openai": 0, "azure": 0, "google": 0}
ROWS = "SELECT (SELECT count(*) FROM files), (SELECT count(*) FROM copies), (SELECT count(*) FROM idempotency)"


def settled(bench: Bench, sql: Sql) -> list[tuple[Any, ...]]:
    """The rows that are left after two more looks: a copy whose id nobody was told may still appear after the first."""
    for _ in range(2):
        sql("UPDATE copies SET next_attempt_at = now()")
        bench.gateway.reconciler.run_once()
    return sql(ROWS)


def test_one_failed_target_undoes_the_other_and_both_are_told(bench: Bench, sql: Sql) -> None:
    bench.stand_ins.openai.inject(Fault(path=OPENAI, status=400, body={"error": {"message": "no such luck"}}))
    answer = bench.upload(f"{GPT}, {GEMINI}")
    assert (answer.status_code, (answer.json or {})["error"]["message"], bench.stand_ins.counts(), sql(ROWS)) == (
        400,
        "The file was not stored. gpt: openai answered 400: no such luck; gemini: was stored, and is deleted again",
        NONE,
        [(0, 0, 0)],
    )


@pytest.mark.parametrize(
    ("theirs", "ours", "should_retry"),
    [(400, 400, "false"), (401, 502, "false"), (403, 502, "false"), (413, 413, "false"), (415, 415, "false")],
)
def test_a_refusal_is_told_and_not_repeated(theirs: int, ours: int, should_retry: str, bench: Bench) -> None:
    bench.stand_ins.openai.inject(Fault(path=OPENAI, status=theirs, times=None))
    answer = bench.upload(GPT)
    assert (answer.status_code, answer.headers.get("x-should-retry"), bench.stand_ins.calls(OPENAI)) == (
        ours,
        should_retry,
        1,
    )


@pytest.mark.parametrize("status", [429, 503])
def test_a_passing_failure_is_repeated_from_the_spool_when_the_provider_asks(status: int, bench: Bench) -> None:
    openai = bench.stand_ins.openai
    openai.inject(Fault(path=OPENAI, status=status, headers={"Retry-After": "1"}))
    answer = bench.upload(GPT)
    first, second = (request.at for request in openai.requests if request.method == "POST")
    assert (answer.status_code, [file.sha256 for file in openai.files.values()], second - first >= 1) == (
        200,
        [hashlib.sha256(CONTENT).hexdigest()],
        True,
    )


@pytest.mark.parametrize("status", [404, 410])
def test_a_session_that_the_provider_lost_is_begun_anew(status: int, bench: Bench, sql: Sql) -> None:
    bench.stand_ins.google.inject(Fault(method="PUT", path=GOOGLE, status=status))
    answer = bench.upload(GEMINI)
    assert (answer.status_code, bench.stand_ins.counts()["google"], sql(ROWS)) == (200, 1, [(1, 1, 0)])


def test_a_provider_that_asks_for_a_long_pause_is_relayed(bench: Bench, sql: Sql) -> None:
    bench.stand_ins.openai.inject(Fault(path=OPENAI, status=429, headers={"Retry-After": "60"}))
    answer = bench.upload(GPT)
    told = answer.status_code, answer.headers["Retry-After"], answer.headers.get("x-should-retry")
    assert (told, bench.stand_ins.calls(OPENAI), sql(ROWS)) == ((429, "60", None), 1, [(0, 0, 0)])


def test_after_three_attempts_it_is_given_up(bench: Bench, sql: Sql) -> None:
    bench.stand_ins.openai.inject(Fault(path=OPENAI, status=500, times=None))
    answer = bench.upload(f"{GPT}, {GEMINI}")
    posts = sum(request.method == "POST" for request in bench.stand_ins.openai.requests)
    before = answer.status_code, posts, bench.stand_ins.counts(), sql(ROWS)
    assert (before, settled(bench, sql)) == ((502, 3, NONE, [(1, 1, 0)]), [(0, 0, 0)])


@pytest.mark.parametrize("path", [OPENAI, GOOGLE])
@pytest.mark.parametrize("cut", ["after_commit", "mid_body", "before"])
def test_a_cut_leaves_neither_an_orphan_nor_a_duplicate(cut: Any, path: str, bench: Bench) -> None:
    server = bench.stand_ins.openai if path == OPENAI else bench.stand_ins.google
    server.inject(Fault(method="POST" if path == OPENAI else "PUT", path=path, cut=cut))
    answer = bench.upload(f"{GPT}, {GEMINI}")
    assert (answer.status_code, bench.stand_ins.counts()) == (200, ONE_EACH)


def test_what_a_cut_attempt_stores_late_is_looked_for(bench: Bench, sql: Sql) -> None:
    bench.stand_ins.openai.inject(Fault(path=OPENAI, cut="mid_body"))
    file_id = bench.stored(GPT)
    kept = list(bench.stand_ins.openai.files)
    left_at_openai(bench.stand_ins, f"{name_mark(file_id)}paper.pdf")
    sql("UPDATE copies SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
    bench.gateway.reconciler.run_once()
    waiting = sql("SELECT state, next_attempt_at FROM copies")
    assert (list(bench.stand_ins.openai.files), waiting) == (kept, [("ready", None)])


def test_a_refusal_hides_no_cut_attempt_before_it(bench: Bench, sql: Sql) -> None:
    bench.stand_ins.openai.inject(Fault(path=OPENAI, cut="mid_body"))
    bench.stand_ins.openai.inject(Fault(path=OPENAI, status=400))
    status, waiting = bench.upload(GPT).status_code, sql("SELECT state, file_id FROM copies")
    left_at_openai(bench.stand_ins, f"{name_mark(waiting[0][1])}paper.pdf")
    rows = settled(bench, sql)
    assert (status, waiting[0][0], rows, bench.stand_ins.counts()) == (400, "deleting", [(0, 0, 0)], NONE)


def test_what_may_yet_be_stored_under_our_own_name_is_deleted_again(bench: Bench, sql: Sql) -> None:
    google, final = bench.stand_ins.google, {"x-should-retry": "false"}
    google.inject(Fault(method="PUT", path=GOOGLE, status=500, headers=final))
    status, waiting = bench.upload(GEMINI).status_code, sql("SELECT state FROM copies")
    settled(bench, sql)
    deletes = sum(request.method == "DELETE" and request.path.startswith("/storage") for request in google.requests)
    assert (status, waiting, deletes, sql(ROWS)) == (502, [("deleting",)], 2, [(0, 0, 0)])


def test_a_delete_hides_no_cut_attempt_before_it(bench: Bench, sql: Sql) -> None:
    bench.stand_ins.openai.inject(Fault(path=OPENAI, cut="mid_body"))
    file_id = bench.stored(GPT)
    deleted = bench.call("DELETE", f"/files/{file_id}").status_code, bench.stand_ins.counts()
    left_at_openai(bench.stand_ins, f"{name_mark(file_id)}paper.pdf")
    sql("UPDATE copies SET look_at = now()")
    assert (deleted, settled(bench, sql), bench.stand_ins.counts()) == ((200, NONE), [(0, 0, 0)], NONE)


def test_a_provider_that_cannot_be_searched_after_a_cut_is_searched_later(bench: Bench, sql: Sql) -> None:
    bench.stand_ins.openai.inject(Fault(path=OPENAI, cut="after_commit"))
    bench.stand_ins.openai.inject(Fault(method="GET", path=OPENAI, status=401, times=2))
    answer = bench.upload(GPT)
    left = bench.stand_ins.counts()["openai"], sql("SELECT state FROM copies")
    assert (answer.status_code, left, settled(bench, sql)) == (502, (1, [("deleting",)]), [(0, 0, 0)])


def test_a_provider_that_always_cuts_after_its_work_keeps_nothing(bench: Bench, sql: Sql) -> None:
    bench.stand_ins.openai.inject(Fault(path=OPENAI, cut="after_commit", times=None))
    answer = bench.upload(f"{GPT}, {GEMINI}")
    assert (answer.status_code, bench.stand_ins.counts(), settled(bench, sql)) == (502, NONE, [(0, 0, 0)])


def test_what_cannot_be_undone_now_is_undone_later(bench: Bench, sql: Sql) -> None:
    bench.stand_ins.openai.inject(Fault(path=OPENAI, status=400))
    bench.stand_ins.google.inject(Fault(method="DELETE", path="/storage", status=503))
    answer = bench.upload(f"{GPT}, {GEMINI}")
    before = answer.status_code, bench.stand_ins.counts()["google"], sql("SELECT provider, state FROM copies")
    sql("UPDATE copies SET next_attempt_at = now()")
    bench.gateway.reconciler.run_once()
    assert (before, bench.stand_ins.counts(), sql(ROWS)) == ((400, 1, [("vertex_ai", "deleting")]), NONE, [(0, 0, 0)])


def test_an_upload_that_lost_its_lease_leaves_no_orphan(bench: Bench, sql: Sql) -> None:
    body = form(TARGETS, CONTENT)

    def lose() -> None:
        bench.stand_ins.openai.wait_for(lambda request: request.path == OPENAI and request.size > 0)
        sql("UPDATE files SET lease_until = now() - interval '1 second'")
        bench.gateway.reconciler.run_once()

    answer = bench.feed(body[:8000], lose, body[8000:], length=len(body))
    sql("UPDATE copies SET next_attempt_at = now()")
    bench.gateway.reconciler.run_once()
    assert (answer.status_code, bench.stand_ins.counts(), sql(ROWS)) == (503, NONE, [(0, 0, 0)])


def test_an_upload_that_lost_its_row_and_cannot_be_undone_is_undone_later(bench: Bench, sql: Sql) -> None:
    body = form({"purpose": "user_data", "target_model_names": GPT}, CONTENT)

    def lose() -> None:
        bench.stand_ins.openai.wait_for(lambda request: request.path == OPENAI and request.size > 0)
        sql("UPDATE files SET lease_until = now() - interval '1 second'")
        bench.gateway.reconciler.run_once()
        settled(bench, sql)

    bench.stand_ins.openai.inject(Fault(method="DELETE", path=OPENAI, status=401))
    answer = bench.feed(body[:8000], lose, body[8000:], length=len(body))
    left = bench.stand_ins.counts()["openai"], sql(ROWS)
    assert (answer.status_code, left, settled(bench, sql), bench.stand_ins.counts()) == (
        503,
        (1, [(1, 1, 0)]),
        [(0, 0, 0)],
        NONE,
    )


def test_a_look_in_vain_forgets_no_copy_that_was_told_meanwhile(bench: Bench, sql: Sql) -> None:
    body, gate = form({"purpose": "user_data", "target_model_names": GPT}, CONTENT), Event()
    openai, reconcile = bench.stand_ins.openai, bench.gateway.reconciler.run_once
    look = Thread(target=reconcile)

    def lose() -> None:
        openai.wait_for(lambda request: request.path == OPENAI and request.size > 0)
        sql("UPDATE files SET lease_until = now() - interval '1 second'")
        reconcile()
        openai.inject(Fault(method="GET", path=OPENAI, gate=gate))
        sql("UPDATE copies SET next_attempt_at = now()")
        look.start()
        openai.wait_for(lambda request: request.method == "GET", count=2)

    openai.inject(Fault(method="DELETE", path=OPENAI, status=401))
    bench.feed(body[:8000], lose, body[8000:], length=len(body))
    gate.set()
    look.join()
    assert (settled(bench, sql), bench.stand_ins.counts()) == ([(0, 0, 0)], NONE)


def test_expiry_is_kept_and_passed_on(bench: Bench) -> None:
    fields: dict[str, Any] = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "7200"}
    shape = bench.upload(f"{GPT}, {GEMINI}", **fields).json or {}
    theirs = next(iter(bench.stand_ins.openai.files.values()))
    lives = shape["expires_at"] - shape["created_at"], (theirs.expires_at or 0) - theirs.created_at
    assert (lives, [copy["expires_at"] for copy in shape["copies"]]) == ((7200, 7200), [theirs.expires_at, None])


def test_an_expired_file_is_gone_at_once_and_its_copies_soon(bench: Bench, sql: Sql) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}")
    sql("UPDATE files SET expires_at = now()")
    seen = bench.call("GET", f"/files/{file_id}").status_code, bench.stand_ins.counts()
    report = bench.gateway.reconciler.run_once()
    assert (seen, (report.expired, report.deleted), bench.stand_ins.counts(), sql(ROWS)) == (
        (404, ONE_EACH),
        (1, 2),
        NONE,
        [(0, 0, 0)],
    )


def test_a_failure_inside_the_gateway_leaves_nothing(bench: Bench, sql: Sql) -> None:
    sql("ALTER TABLE files ADD CONSTRAINT broken CHECK (state <> 'stored')")
    answer = bench.upload(f"{GPT}, {GEMINI}")
    sql("ALTER TABLE files DROP CONSTRAINT broken")
    assert (answer.status_code, bench.stand_ins.counts(), sql(ROWS)) == (500, NONE, [(0, 0, 0)])
