"""What is due gets done: crashed uploads, postponed deletes, files in processing; once, and not too often."""

import threading
from typing import Any

import pytest

from managed_files.ids import name_mark, new_file_id
from managed_files.sandbox.faults import Fault
from managed_files.services.reconciler import Report
from tests.gateway import AZURE, CONTENT, GEMINI, GPT, Bench, StandIns, file_part, form, left_at_openai, settings_for
from tests.gateway_fixtures import Sql

CRASHED = "UPDATE files SET state = 'uploading', lease_until = now() - interval '1 second'"
UNKNOWN = "UPDATE copies SET state = 'uploading', remote_id = NULL WHERE provider = 'openai'"
DUE = "UPDATE copies SET next_attempt_at = now()"
ROWS = "SELECT (SELECT count(*) FROM files), (SELECT count(*) FROM copies)"
NONE = {"openai": 0, "azure": 0, "google": 0}


def azure_file(status: str) -> dict[str, Any]:
    return {"id": "assistant-1", "object": "file", "filename": "x", "bytes": 1, "created_at": 1, "status": status}


# Crashed uploads


def test_a_crash_after_the_answers_were_written_down(bench: Bench, sql: Sql) -> None:
    bench.stored(f"{GPT}, {GEMINI}")
    sql(CRASHED)
    report = bench.gateway.reconciler.run_once()
    assert (report, bench.stand_ins.counts(), sql(ROWS)) == (Report(crashed=1, deleted=2), NONE, [(0, 0)])


def test_a_crash_before_the_answer_was_written_down(bench: Bench, sql: Sql) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}")
    sql(CRASHED)
    sql(UNKNOWN)
    mark = name_mark(file_id)
    names = (f"x{mark}paper.pdf", f"{mark[:-1]}paper.pdf", f"{name_mark(new_file_id())}paper.pdf", "paper.pdf")
    strangers = [left_at_openai(bench.stand_ins, name) for name in names]
    first = bench.gateway.reconciler.run_once()
    left = list(bench.stand_ins.openai.files), bench.stand_ins.counts()["google"], sql(ROWS)
    sql(DUE)
    second = bench.gateway.reconciler.run_once()
    assert (first, left, second, sql(ROWS)) == (
        Report(crashed=1, deleted=1, postponed=1),
        (strangers, 0, [(1, 1)]),
        Report(deleted=1),
        [(0, 0)],
    )


def test_a_leftover_that_shows_itself_late_is_found_by_the_second_look(bench: Bench, sql: Sql) -> None:
    file_id = bench.stored(GPT)
    bench.stand_ins.reset()
    sql(CRASHED)
    sql(UNKNOWN)
    first = bench.gateway.reconciler.run_once()
    left_at_openai(bench.stand_ins, f"{name_mark(file_id)}paper.pdf")
    sql(DUE)
    second = bench.gateway.reconciler.run_once()
    assert (first, second, bench.stand_ins.counts(), sql(ROWS)) == (
        Report(crashed=1, postponed=1),
        Report(deleted=1),
        NONE,
        [(0, 0)],
    )


def test_a_crash_before_anything_was_sent_ends_after_two_looks(bench: Bench, sql: Sql) -> None:
    bench.stored(GPT)
    bench.stand_ins.reset()
    sql(CRASHED)
    sql(UNKNOWN)
    reports = []
    for _ in range(2):
        reports.append(bench.gateway.reconciler.run_once())
        sql(DUE)
    assert (reports, sql(ROWS)) == ([Report(crashed=1, postponed=1), Report(deleted=1)], [(0, 0)])


def test_a_lease_that_is_held_is_left_alone(bench: Bench, sql: Sql) -> None:
    bench.stored(GPT)
    sql("UPDATE files SET state = 'uploading', lease_until = now() + interval '1 second'")
    assert (bench.gateway.reconciler.run_once(), sql(ROWS)) == (Report(), [(1, 1)])


def test_a_files_life_ends_once(bench: Bench, sql: Sql) -> None:
    bench.stored(GPT)
    bench.stored(GPT)
    sql("UPDATE files SET expires_at = now() WHERE id = (SELECT min(id) FROM files)")
    reports = [bench.gateway.reconciler.run_once() for _ in range(2)]
    assert (reports, bench.stand_ins.counts()["openai"]) == ([Report(expired=1, deleted=1), Report()], 1)


# Processing


@pytest.fixture
def pending(url: str, stand_ins: StandIns) -> Any:
    """A gateway that does not wait for processing, and the id of a file that Azure still works on."""
    bench = Bench(settings_for(url, stand_ins, processing_timeout=0), stand_ins)
    stand_ins.azure.inject(Fault(path="/openai/v1/files", status=200, body=azure_file("pending")))
    yield bench, bench.stored(AZURE)
    bench.close()


def states(bench: Bench, file_id: str) -> tuple[str, str, str | None]:
    shape = bench.call("GET", f"/files/{file_id}").json or {}
    (copy,) = shape["copies"]
    return shape["status"], copy["state"], copy["error"]


def test_processing_is_followed_until_it_is_ready(pending: tuple[Bench, str], sql: Sql) -> None:
    bench, file_id = pending
    seen = [states(bench, file_id), bench.chat(AZURE, file_part(file_id)).status_code]
    reports = []
    for status in ("running", "processed"):
        fault = Fault(method="GET", path="/openai/v1/files/assistant-1", status=200, body=azure_file(status))
        bench.stand_ins.azure.inject(fault)
        sql(DUE)
        reports.append(bench.gateway.reconciler.run_once())
    assert (seen, reports, states(bench, file_id)) == (
        [("uploaded", "processing", None), 409],
        [Report(), Report(processed=1)],
        ("processed", "ready", None),
    )


@pytest.mark.parametrize("fault", [{"status": 200, "body": azure_file("error")}, {"status": 404}])
def test_processing_that_fails_is_told(fault: dict[str, Any], pending: tuple[Bench, str], sql: Sql) -> None:
    bench, file_id = pending
    bench.stand_ins.azure.inject(Fault(method="GET", path="/openai/v1/files/assistant-1", **fault))
    sql(DUE)
    report = bench.gateway.reconciler.run_once()
    assert (report, states(bench, file_id), bench.chat(AZURE, file_part(file_id)).status_code) == (
        Report(processed=1),
        ("error", "failed", "The provider could not process the file."),
        400,
    )


def test_a_failure_to_ask_postpones(pending: tuple[Bench, str], sql: Sql) -> None:
    bench, file_id = pending
    bench.stand_ins.azure.inject(Fault(method="GET", path="/openai/v1/files", status=500))
    sql(DUE)
    assert (bench.gateway.reconciler.run_once(), states(bench, file_id)[1]) == (Report(), "processing")


def test_an_upload_waits_a_while_for_processing(bench: Bench) -> None:
    azure = bench.stand_ins.azure
    azure.inject(Fault(path="/openai/v1/files", status=200, body=azure_file("pending")))
    azure.inject(Fault(method="GET", path="/openai/v1/files", status=200, body=azure_file("processed")))
    assert states(bench, bench.stored(AZURE)) == ("processed", "ready", None)


def test_an_upload_whose_processing_fails_leaves_nothing(bench: Bench, sql: Sql) -> None:
    azure = bench.stand_ins.azure
    azure.inject(Fault(path="/openai/v1/files", status=200, body=azure_file("pending")))
    azure.inject(Fault(method="GET", path="/openai/v1/files", status=200, body=azure_file("error")))
    answer = bench.upload(f"{AZURE}, {GPT}")
    deleted = any(request.method == "DELETE" and request.path.endswith("assistant-1") for request in azure.requests)
    assert (answer.status_code, deleted, bench.stand_ins.counts(), sql(ROWS)) == (502, True, NONE, [(0, 0)])


def test_processing_hides_no_cut_attempt_before_it(bench: Bench, sql: Sql) -> None:
    azure = bench.stand_ins.azure
    azure.inject(Fault(path="/openai/v1/files", cut="mid_body"))
    azure.inject(Fault(path="/openai/v1/files", status=200, body=azure_file("pending")))
    azure.inject(Fault(method="GET", path="/openai/v1/files/assistant-1", status=200, body=azure_file("processed")))
    file_id = bench.stored(AZURE)
    looks = sql("SELECT next_attempt_at > now() FROM copies")
    assert (states(bench, file_id)[1], looks) == ("ready", [(True,)])


def test_an_upload_that_is_begun_anew_forgets_no_copy_in_processing(bench: Bench, sql: Sql) -> None:
    azure = bench.stand_ins.azure
    azure.inject(Fault(path="/openai/v1/files", status=200, body=azure_file("pending")))
    body = form({"purpose": "user_data", "target_model_names": AZURE}, CONTENT, {"target_model_names[]": GPT})
    answer = bench.feed(body, length=None)
    deleted = [request.path for request in azure.requests if request.method == "DELETE"]
    assert (answer.status_code, deleted, bench.stand_ins.counts(), sql(ROWS)) == (
        200,
        ["/openai/v1/files/assistant-1"],
        {"openai": 1, "azure": 1, "google": 0},
        [(1, 2)],
    )


# Pace


def test_the_pause_between_attempts_doubles_with_jitter_up_to_an_hour(bench: Bench, sql: Sql) -> None:
    file_id = bench.stored(GPT)
    bench.stand_ins.openai.inject(Fault(method="DELETE", path="/v1/files", status=500, times=None))
    bench.call("DELETE", f"/files/{file_id}")
    pauses: list[float] = []
    for attempts in (0, 1, 2, 3, *[40] * 6):
        sql("UPDATE copies SET next_attempt_at = now(), attempts = %s", attempts)
        bench.gateway.reconciler.run_once()
        pauses += [float(row[0]) for row in sql("SELECT extract(epoch FROM next_attempt_at - now()) FROM copies")]
    expected, hours = [5, 10, 20, 40, *[3600] * 6], pauses[4:]
    near = [0.7 < pause / middle < 1.26 for pause, middle in zip(pauses, expected, strict=True)]
    assert (near, max(hours) - min(hours) > 36) == ([True] * 10, True)


def test_two_at_once_do_no_copy_twice(bench: Bench, url: str, stand_ins: StandIns, sql: Sql) -> None:
    other = Bench(settings_for(url, stand_ins), stand_ins)
    sql(
        "INSERT INTO files (id, owner, filename, purpose, mime_type, state) "
        "SELECT 'f' || n, 'me', 'x', 'user_data', 'x', 'deleting' FROM generate_series(1, 250) AS n"
    )
    (account,) = [name for name in bench.gateway.settings.accounts if name.startswith("openai:")]
    sql(
        "INSERT INTO copies (file_id, account, provider, state, remote_id, next_attempt_at) "
        "SELECT id, %s, 'openai', 'deleting', 'file-' || id, now() FROM files",
        account,
    )
    reports: list[Report] = []
    threads = [
        threading.Thread(target=lambda one=one: reports.append(one.gateway.reconciler.run_once()))
        for one in (bench, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    paths = [request.path for request in stand_ins.openai.requests]
    assert (sum(report.deleted for report in reports), len(paths), len(set(paths)), sql(ROWS)) == (
        250,
        250,
        250,
        [(0, 0)],
    )
