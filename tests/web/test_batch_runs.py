"""Lines at a provider without a batch API: the gateway runs them itself, each one once."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest

from managed_files.sandbox import CompatibleSandbox, Fault
from managed_files.sandbox.compatible import DEFAULT_KEY
from tests.batching import content, created, ended, line, looked_up, outcome, ran, said, uploaded
from tests.gateway import GPT, Bench, StandIns, settings_for
from tests.gateway_fixtures import Sql

VLLM = "vllm"
CHAT = "/v1/chat/completions"


@pytest.fixture
def vllm() -> Iterator[CompatibleSandbox]:
    with CompatibleSandbox("hosted_vllm") as sandbox:
        yield sandbox


def gateway(url: str, stand_ins: StandIns, vllm: CompatibleSandbox) -> Bench:
    """A gateway with one self-run model beside the usual ones, which looks for lines all the time."""
    account = {
        "api_base": vllm.url + vllm.flavour.base,
        "api_key": DEFAULT_KEY,
        "max_connections": 2,
    }
    entries = [
        *stand_ins.entries(),
        {"model_name": VLLM, "litellm_params": {"model": "hosted_vllm/some-model", **account}},
    ]
    return Bench(settings_for(url, stand_ins, entries, batch_interval=0.05), stand_ins)


@pytest.fixture
def bench(url: str, stand_ins: StandIns, vllm: CompatibleSandbox) -> Iterator[Bench]:
    with closing(gateway(url, stand_ins, vllm)) as bench:
        yield bench


def asked(vllm: CompatibleSandbox) -> Counter[str]:
    """How often each text was asked, of the requests that have arrived whole."""
    bodies = [json.loads(request.body) for request in vllm.requests if request.path == CHAT and request.body]
    return Counter(str(body["messages"][0]["content"]) for body in bodies)


def test_lines_are_run_one_by_one_and_answered_as_chats(bench: Bench) -> None:
    batch = ran(bench, *(line(f"v{n}", VLLM, f"ask {n}") for n in range(45)), line("o", GPT))
    answers = content(bench, batch["output_file_id"])
    chat = bench.call("POST", "/chat/completions", json=line("", VLLM, "ask 7")["body"]).get_json()
    assert (batch["request_counts"]["completed"], said(answers["v7"])) == (46, chat["choices"][0]["message"]["content"])


def test_no_more_lines_run_at_once_than_the_account_takes(bench: Bench, vllm: CompatibleSandbox) -> None:
    gate = threading.Event()
    vllm.inject(Fault(path=CHAT, gate=gate, times=None))
    batch = created(bench, uploaded(bench, *(line(f"v{n}", VLLM) for n in range(100))))
    while asked(vllm).total() < 2:
        bench.gateway.reconciler.run_once()
    at_once = asked(vllm).total()
    gate.set()
    assert (at_once, ended(bench, batch["id"])["request_counts"]["completed"]) == (2, 100)


def test_a_line_that_is_refused_is_in_the_error_file(bench: Bench) -> None:
    batch = ran(bench, line("good", VLLM), line("bad", VLLM, temperature=9))
    assert outcome(bench, batch) == (["good"], {"bad": 400})


def test_another_node_goes_on_where_one_stopped(
    bench: Bench, url: str, stand_ins: StandIns, vllm: CompatibleSandbox, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("managed_files.services.batches.running._PATIENCE", 0.2)  # with lines that do not end
    gate = threading.Event()
    vllm.inject(Fault(path=CHAT, gate=gate, times=None))
    batch = created(bench, uploaded(bench, *(line(f"v{n}", VLLM, f"ask {n}") for n in range(60))))
    while asked(vllm).total() < 2:
        bench.gateway.reconciler.run_once()
    bench.gateway.lines.runner.stop()
    gate.set()
    sql("UPDATE batch_runs SET lease_until = now()")
    with closing(gateway(url, stand_ins, vllm)) as other:
        done = ended(other, batch["id"])
    twice = [text for text, times in asked(vllm).items() if times > 1]  # at most those that ran while the lease ended
    assert (done["request_counts"]["completed"], len(twice) < 60) == (60, True)


def test_who_comes_back_late_leaves_its_lines_to_who_took_them_over(
    bench: Bench, vllm: CompatibleSandbox, sql: Sql
) -> None:
    gate = threading.Event()
    vllm.inject(Fault(path=CHAT, gate=gate, times=None))
    batch = created(bench, uploaded(bench, *(line(f"v{n}", VLLM, f"ask {n}") for n in range(15))))
    while asked(vllm).total() < 1:
        bench.gateway.reconciler.run_once()
    sql("UPDATE batch_runs SET lease_until = now()")  # as if the process had slept for too long
    vllm.wait_for(lambda request: request.path == CHAT, count=2)
    gate.set()
    ended(bench, batch["id"])
    assert asked(vllm) == Counter({f"ask {n}": 1 + (n == 0) for n in range(15)})


def test_a_cancelled_batch_asks_nothing_more(bench: Bench, vllm: CompatibleSandbox) -> None:
    gate = threading.Event()
    vllm.inject(Fault(path=CHAT, gate=gate, times=None))
    batch = created(bench, uploaded(bench, *(line(f"v{n}", VLLM) for n in range(100))))
    while asked(vllm).total() < 2:
        bench.gateway.reconciler.run_once()
    bench.call("POST", f"/batches/{batch['id']}/cancel")
    done = ended(bench, batch["id"])
    gate.set()
    assert (done["status"], done["request_counts"]) == ("cancelled", {"total": 100, "completed": 0, "failed": 100})


def test_a_line_whose_failure_passes_is_asked_again(
    bench: Bench, vllm: CompatibleSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("managed_files.services.batches.asking._LONGEST_PAUSE", 0.01)
    vllm.inject(Fault(path=CHAT, times=2, status=503))
    assert outcome(bench, ran(bench, line("v", VLLM))) == (["v"], {})


def test_a_line_that_fails_is_not_asked_again_once_it_is_cancelled(
    bench: Bench, vllm: CompatibleSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("managed_files.services.batches.asking._LONGEST_PAUSE", 0.01)
    gate = threading.Event()
    vllm.inject(Fault(path=CHAT, gate=gate, times=None, status=500))
    batch = created(bench, uploaded(bench, line("v", VLLM)))
    while asked(vllm).total() < 1:
        bench.gateway.reconciler.run_once()
    bench.call("POST", f"/batches/{batch['id']}/cancel")
    ended(bench, batch["id"])
    gate.set()
    bench.gateway.lines.runner._runner.wait(10)
    assert asked(vllm).total() == 1


def test_a_batch_that_is_made_while_its_input_is_deleted_is_cancelled(
    bench: Bench, vllm: CompatibleSandbox, url: str, sql: Sql
) -> None:
    gate = threading.Event()
    vllm.inject(Fault(path=CHAT, gate=gate, times=None))
    file_id = uploaded(bench, *(line(f"v{n}", VLLM) for n in range(60)))
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url) as other:
        other.execute("SELECT FROM files FOR SHARE")
        deleting = pool.submit(bench.call, "DELETE", f"/files/{file_id}")
        while not sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"):
            pass
        batch = created(bench, file_id)
        while asked(vllm).total() < 2:
            bench.gateway.reconciler.run_once()
        other.rollback()
        assert deleting.result().status_code == 200
    gate.set()
    assert ended(bench, batch["id"])["status"] == "cancelled"


def test_lines_are_kept_until_all_are_answered(bench: Bench, sql: Sql) -> None:
    batch = created(bench, uploaded(bench, line("a", VLLM)))
    kept = sql("SELECT count(*) FROM batch_lines")
    ended(bench, batch["id"])
    again = bench.call(
        "POST",
        "/batches",
        json={
            "input_file_id": looked_up(bench, batch["id"])["input_file_id"],
            "endpoint": CHAT,
            "completion_window": "24h",
        },
    )
    assert (kept, sql("SELECT count(*) FROM batch_lines"), again.status_code) == ([(1,)], [(0,)], 400)


def test_answers_are_deleted_also_where_the_account_is_gone(
    bench: Bench, url: str, stand_ins: StandIns, sql: Sql
) -> None:
    batch = ran(bench, line("a", VLLM))
    kept = sql("SELECT count(*) FROM batch_results")
    with closing(Bench(settings_for(url, stand_ins), stand_ins)) as without:
        without.call("DELETE", f"/files/{batch['output_file_id']}")
        without.gateway.reconciler.run_once()
    assert (kept, sql("SELECT count(*) FROM batch_results")) == ([(1,)], [(0,)])


def test_lines_without_an_answer_can_be_retried(bench: Bench, vllm: CompatibleSandbox) -> None:
    vllm.inject(Fault(path=CHAT, status=400, times=1))
    batch = ran(bench, line("a", VLLM), line("b", VLLM))
    failed = list(outcome(bench, batch)[1])
    again = bench.call("POST", f"/batches/{batch['id']}/retry").get_json()
    assert (len(failed), outcome(bench, ended(bench, again["id"]))) == (1, (failed, {}))


def test_usage_that_is_none_counts_for_nothing(bench: Bench, vllm: CompatibleSandbox) -> None:
    odd = {"prompt_tokens": "7", "prompt_tokens_details": [1], "completion_tokens_details": "x", "total_tokens": 5}
    vllm.inject(Fault(path=CHAT, status=200, body=json.dumps({"usage": odd}).encode()))
    batch = ran(bench, line("a", VLLM))
    assert (outcome(bench, batch), batch["usage"]["total_tokens"]) == ((["a"], {}), 5)


@pytest.mark.parametrize("odd", [b"<html>", b"[1]", b"null"])
def test_an_answer_that_is_none_fails_its_line_and_no_other(bench: Bench, vllm: CompatibleSandbox, odd: bytes) -> None:
    vllm.inject(Fault(path=CHAT, status=200, body=odd))
    batch = ran(bench, line("a", VLLM), line("b", VLLM))
    assert outcome(bench, batch) == (["b"], {"a": 502})
