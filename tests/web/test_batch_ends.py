"""How batches end: cancelled, expired, failed, and what becomes of every single line."""

import pytest

from managed_files.sandbox.faults import Fault
from tests.batching import content, created, ended, jsonl, line, looked_up, outcome, ran, uploaded
from tests.gateway import AZURE, GEMINI, GPT, Bench
from tests.gateway_fixtures import Sql

LINES = [line(f"{model} {number}", model) for model in (GPT, GEMINI, AZURE) for number in range(4)]


def held(bench: Bench) -> str:
    """The id of a batch over three providers, none of which works on it yet."""
    for server in (bench.stand_ins.openai, bench.stand_ins.google, bench.stand_ins.azure):
        server.hold_batches()
    batch_id = str(created(bench, uploaded(bench, *LINES))["id"])
    while {part["state"] for part in looked_up(bench, batch_id)["parts"]} & {"waiting"}:
        bench.gateway.reconciler.run_once()
    return batch_id


def all_lines(bench: Bench, batch_id: str) -> list[str]:
    """Every custom id of both files, as often as it comes."""
    batch = looked_up(bench, batch_id)
    return sorted([*content(bench, batch.get("output_file_id")), *content(bench, batch.get("error_file_id"))])


def released(bench: Bench) -> None:
    for server in (bench.stand_ins.openai, bench.stand_ins.google, bench.stand_ins.azure):
        server.release_batches()


def test_every_line_comes_once_though_one_part_expires(bench: Bench) -> None:
    batch_id = held(bench)
    bench.stand_ins.openai.expire_batches()
    released(bench)
    batch = ended(bench, batch_id)
    assert (batch["status"], all_lines(bench, batch_id)) == ("completed", sorted(item["custom_id"] for item in LINES))
    assert set(outcome(bench, batch)[1].values()) == {"batch_expired"}


def test_nothing_is_finalized_while_a_part_runs(bench: Bench) -> None:
    batch_id = held(bench)
    bench.stand_ins.openai.release_batches()
    while not (batch := looked_up(bench, batch_id))["request_counts"]["completed"]:
        bench.gateway.reconciler.run_once()
    released(bench)
    finalized = ["finalizing_at" in batch, "finalizing_at" in ended(bench, batch_id)]
    assert (batch["status"], finalized) == ("in_progress", [False, True])


def test_a_part_that_fails_takes_only_its_own_lines_with_it(bench: Bench) -> None:
    batch_id = held(bench)
    bench.stand_ins.google.fail_batches("no capacity")
    released(bench)
    batch = ended(bench, batch_id)
    failed = {item["custom_id"]: "batch_failed" for item in LINES if item["body"]["model"] == GEMINI}
    assert (batch["status"], outcome(bench, batch)[1]) == ("completed", failed)
    assert "no capacity" in str(batch["errors"])


@pytest.mark.parametrize("odd", ["no\0capacity", "no capacity \ud83d"])
def test_words_that_the_database_cannot_hold_end_a_batch_too(bench: Bench, odd: str) -> None:
    bench.stand_ins.openai.inject(Fault("POST", "/v1/batches$", status=400, body={"error": {"message": odd}}))
    batch = ended(bench, created(bench, uploaded(bench, line("a")))["id"])
    assert (batch["status"], "capacity" in str(batch["errors"])) == ("failed", True)


def test_a_batch_all_of_whose_parts_fail_has_failed(bench: Bench) -> None:
    batch_id = held(bench)
    for server in (bench.stand_ins.openai, bench.stand_ins.google, bench.stand_ins.azure):
        server.fail_batches("no capacity")
    batch = ended(bench, batch_id)
    assert (batch["status"], "failed_at" in batch, batch.get("output_file_id")) == ("failed", True, None)


def test_a_cancelled_batch_cancels_every_part(bench: Bench) -> None:
    batch_id = held(bench)
    asked = bench.call("POST", f"/batches/{batch_id}/cancel").get_json()
    batch = ended(bench, batch_id)
    assert (asked["status"], batch["status"], set(outcome(bench, batch)[1].values())) == (
        "cancelling",
        "cancelled",
        {"batch_cancelled"},
    )
    assert all_lines(bench, batch_id) == sorted(item["custom_id"] for item in LINES)


def test_a_batch_that_has_ended_cannot_be_cancelled(bench: Bench) -> None:
    batch = ended(bench, created(bench, uploaded(bench, line("a")))["id"])
    answer = bench.call("POST", f"/batches/{batch['id']}/cancel")
    assert (answer.status_code, "completed" in answer.get_json()["error"]["message"]) == (400, True)


def test_a_batch_that_is_overdue_is_ended_by_the_gateway(bench: Bench, sql: Sql) -> None:
    batch_id = held(bench)
    sql("UPDATE batches SET expires_at = now()")
    sql("UPDATE batch_parts SET next_attempt_at = now()")
    batch = ended(bench, batch_id)
    assert (batch["status"], set(outcome(bench, batch)[1].values())) == ("expired", {"batch_expired"})


def test_odd_results_answer_every_line_once(bench: Bench) -> None:
    results = [{"custom_id": key, "response": {"status_code": 200, "body": {"n": n}}} for n, key in enumerate("7112")]
    bench.stand_ins.openai.inject(Fault("GET", ".*/content$", times=None, status=200, body=jsonl(*results)))
    batch = ended(bench, created(bench, uploaded(bench, *(line(name) for name in "abc")))["id"])
    assert outcome(bench, batch) == (["a", "b"], {"c": "no_answer"})
    assert content(bench, batch["output_file_id"])["a"]["response"]["body"] == {"n": 1}


def test_a_provider_that_refuses_the_job_fails_its_lines_and_no_others(bench: Bench) -> None:
    bench.stand_ins.google.inject(Fault("POST", ".*/batchPredictionJobs$", status=403))
    batch = ended(bench, created(bench, uploaded(bench, line("a"), line("g", GEMINI)))["id"])
    assert (batch["status"], outcome(bench, batch)) == ("completed", (["a"], {"g": "batch_failed"}))


def test_what_was_not_answered_can_be_retried(bench: Bench) -> None:
    batch_id = held(bench)
    bench.stand_ins.google.fail_batches("no capacity")
    bench.stand_ins.openai.expire_batches()
    released(bench)
    unanswered = sorted(outcome(bench, ended(bench, batch_id))[1])
    again = bench.call("POST", f"/batches/{batch_id}/retry").get_json()
    assert outcome(bench, ended(bench, again["id"])) == (unanswered, {})


def test_a_retry_is_asked_for_as_the_batch_was(bench: Bench) -> None:
    asked = {"completion_window": "3h", "metadata": {"night": "1"}}
    life = {"anchor": "created_at", "seconds": 7200}
    batch = ran(bench, line("bad", temperature=9), output_expires_after=life, **asked)
    again = ended(bench, bench.call("POST", f"/batches/{batch['id']}/retry").get_json()["id"])
    file = bench.call("GET", f"/files/{again['error_file_id']}").get_json()
    assert {name: again[name] for name in asked} == asked
    assert file["expires_at"] - file["created_at"] == 7200


@pytest.mark.parametrize("how", ["answered", "running"])
def test_a_batch_without_such_lines_has_nothing_to_retry(bench: Bench, how: str) -> None:
    batch_id = held(bench)
    if how == "answered":
        released(bench)
        ended(bench, batch_id)
    assert bench.call("POST", f"/batches/{batch_id}/retry").status_code == 400
