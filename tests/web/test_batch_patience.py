"""Providers that hang, lose jobs or answer with what nobody can read: others go on, and every batch ends."""

import threading
import time
from collections.abc import Iterator

import pytest

from managed_files.sandbox import Fault
from tests.batching import FINAL, created, ended, line, looked_up, outcome, uploaded
from tests.gateway import GEMINI, GPT, Bench, StandIns, settings_for
from tests.gateway_fixtures import Sql

FOLLOWING = "managed_files.services.batches.following"
RECONCILING = "managed_files.services.reconciler"
JOBS = "/v1/batches$"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


def due(sql: Sql) -> None:
    """Everything is to be done now."""
    sql("UPDATE batch_parts SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")


def asked(bench: Bench) -> list[str]:
    """What OpenAI was asked about its list of batches."""
    return [request.method for request in bench.stand_ins.openai.requests if request.path == "/v1/batches"]


def test_a_provider_that_hangs_holds_nobody_else_up(
    bench: Bench, sql: Sql, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{FOLLOWING}._PATIENCE", 0.1)
    stuck = created(bench, uploaded(bench, line("a")))["id"]
    bench.stand_ins.openai.inject(Fault("GET", "/v1/batches/.*", times=None, gate=gate))
    healthy = created(bench, uploaded(bench, line("g", GEMINI)))["id"]
    deadline = time.monotonic() + 20
    while looked_up(bench, healthy)["status"] != "completed":
        assert time.monotonic() < deadline
        due(sql)
        bench.gateway.reconciler.run_once()
    looks = [request for request in bench.stand_ins.openai.requests if request.method == "GET"]
    assert (looked_up(bench, stuck)["status"], len(looks)) == ("validating", 1)
    gate.set()
    assert ended(bench, stuck)["status"] == "completed"


def test_a_provider_that_deletes_nothing_holds_nobody_up(
    bench: Bench, sql: Sql, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{RECONCILING}._PATIENCE", 0.1)
    for _ in range(6):
        bench.stored(GPT)
    bench.stand_ins.openai.inject(Fault("DELETE", "/v1/files/.*", times=None, gate=gate))
    gone = bench.stored(GEMINI)
    sql("UPDATE files SET expires_at = now()")
    healthy = created(bench, uploaded(bench, line("g", GEMINI)))["id"]
    deadline = time.monotonic() + 20
    while sql("SELECT ended_at FROM batches") == [(None,)] or sql("SELECT 1 FROM files WHERE id = %s", gone):
        assert time.monotonic() < deadline
        due(sql)
        bench.gateway.reconciler.run_once()
    deletes = [request for request in bench.stand_ins.openai.requests if request.method == "DELETE"]
    assert (looked_up(bench, healthy)["status"], len(deletes)) == ("completed", 4)


def test_a_job_whose_making_was_cut_is_looked_for_twice_before_another_is_made(bench: Bench, sql: Sql) -> None:
    openai = bench.stand_ins.openai
    openai.inject(Fault(path=JOBS, cut="before"))
    batch_id = created(bench, uploaded(bench, line("a")))["id"]
    while asked(bench).count("GET") < 2:
        due(sql)
        bench.gateway.reconciler.run_once()
    before = asked(bench)
    sql("UPDATE batch_parts SET searched_at = searched_at - interval '61 seconds'")
    due(sql)
    batch = ended(bench, batch_id)
    assert (before.count("POST"), asked(bench).count("POST"), batch["status"]) == (1, 2, "completed")


@pytest.mark.parametrize("status", [200, 404])
def test_results_that_cannot_be_read_fail_their_lines_in_the_end(bench: Bench, sql: Sql, status: int) -> None:
    bench.stand_ins.openai.inject(Fault("GET", "/v1/files/.*/content", times=None, status=status, body=b"[1]"))
    batch_id = created(bench, uploaded(bench, line("a"), line("g", GEMINI)))["id"]
    deadline = time.monotonic() + 20
    while (batch := looked_up(bench, batch_id))["status"] not in FINAL:
        assert time.monotonic() < deadline, batch
        due(sql)
        bench.gateway.reconciler.run_once()
    assert (batch["status"], outcome(bench, batch)) == ("completed", (["g"], {"a": "batch_failed"}))


def test_a_gateway_that_ends_waits_for_its_deletes(
    url: str, stand_ins: StandIns, sql: Sql, gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{RECONCILING}._PATIENCE", 0.1)
    bench = Bench(settings_for(url, stand_ins), stand_ins)
    bench.stored(GPT)
    stand_ins.openai.inject(Fault("DELETE", "/v1/files/.*", gate=gate))
    sql("UPDATE files SET expires_at = now()")
    bench.gateway.reconciler.run_once()
    closing = threading.Thread(target=bench.close)
    closing.start()
    closing.join(0.3)  # without a delete it takes less
    waited = closing.is_alive()
    gate.set()
    closing.join(10)
    assert (waited, closing.is_alive(), sql("SELECT state FROM copies")) == (True, False, [])


def test_a_job_that_nobody_ends_fails_its_lines_a_day_after_its_time(bench: Bench, sql: Sql) -> None:
    openai = bench.stand_ins.openai
    openai.hold_batches()
    openai.inject(Fault("POST", "/v1/batches/.*/cancel", times=None, status=200, body={}))
    batch_id = created(bench, uploaded(bench, line("a")))["id"]
    while looked_up(bench, batch_id)["status"] == "validating":
        due(sql)
    sql("UPDATE batches SET expires_at = now() - interval '23 hours'")
    due(sql)
    bench.gateway.reconciler.run_once()
    before = looked_up(bench, batch_id)["status"]
    sql("UPDATE batches SET expires_at = now() - interval '25 hours'")
    due(sql)
    assert (before, outcome(bench, ended(bench, batch_id))[1]) == ("in_progress", {"a": "batch_failed"})
