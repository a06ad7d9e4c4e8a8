"""Batches whose model the operator takes out of the configuration, by mistake or for good."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.batching import FINAL, content, created, ended, line, looked_up, outcome, uploaded
from tests.gateway import GEMINI, GPT, Bench, StandIns, settings_for
from tests.gateway_fixtures import Sql

Start = Callable[..., Bench]


@pytest.fixture
def start(url: str, stand_ins: StandIns) -> Iterator[Start]:
    """Starts a gateway that knows only these models."""
    benches: list[Bench] = []

    def started(*models: str) -> Bench:
        entries = [entry for entry in stand_ins.entries() if entry["model_name"] in models]
        benches.append(Bench(settings_for(url, stand_ins, entries), stand_ins))
        return benches[-1]

    yield started
    for bench in benches:
        bench.close()


def held(start: Start) -> str:
    """A batch whose jobs are made and do not go on; its gateway has ended."""
    bench = start(GPT, GEMINI)
    bench.stand_ins.google.hold_batches()
    batch_id = str(created(bench, uploaded(bench, line("a"), line("g", GEMINI)))["id"])
    while "waiting" in {part["state"] for part in looked_up(bench, batch_id)["parts"]}:
        bench.gateway.reconciler.run_once()
    bench.close()
    return batch_id


def test_a_batch_waits_for_a_model_that_is_missing(start: Start, sql: Sql) -> None:
    batch_id = held(start)
    without = start(GPT)
    without.stand_ins.google.release_batches()
    sql("UPDATE batch_parts SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
    while "no account" not in str(looked_up(without, batch_id)["parts"]):
        without.gateway.reconciler.run_once()
    status = looked_up(without, batch_id)["status"]
    sql("UPDATE batch_parts SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
    assert (status in FINAL, ended(start(GPT, GEMINI), batch_id)["status"]) == (False, "completed")


def test_results_outlive_their_model(start: Start, url: str, stand_ins: StandIns, sql: Sql) -> None:
    batch_id = held(start)
    stand_ins.google.release_batches()
    entries = stand_ins.entries()
    for entry in entries:
        entry["litellm_params"]["model"] += "-next"
    with closing(Bench(settings_for(url, stand_ins, entries), stand_ins)) as bench:
        batch = ended(bench, batch_id)
        model = content(bench, batch["output_file_id"])["g"]["response"]["body"]["model"]
        for name in ("output_file_id", "input_file_id"):
            bench.call("DELETE", f"/files/{batch[name]}")
        bench.gateway.reconciler.run_once()
        left = {"openai": 0, "azure": 0, "google": 0}
        assert (model, stand_ins.counts(), sql("SELECT DISTINCT results FROM batch_parts")) == (
            "gemini-2.0-flash",
            left,
            [("gone",)],
        )


@pytest.mark.parametrize("how", ["cancelled", "expired"])
def test_what_has_not_begun_ends_without_its_model(start: Start, stand_ins: StandIns, sql: Sql, how: str) -> None:
    bench = start(GPT, GEMINI)
    file_id = uploaded(bench, line("g", GEMINI))
    bench.close()
    without = start(GPT)
    batch_id = created(without, file_id)["id"]
    while "no account" not in str(looked_up(without, batch_id)["parts"]):
        pass  # the first attempt goes on in the background
    if how == "expired":
        sql("UPDATE batches SET expires_at = now()")
    else:
        without.call("POST", f"/batches/{batch_id}/cancel")
    sql("UPDATE batch_parts SET next_attempt_at = now()")
    batch = ended(without, batch_id)
    assert (batch["status"], outcome(without, batch)[1]) == (how, {"g": f"batch_{how}"})


def test_a_job_goes_on_where_no_more_such_lines_are_taken(start: Start, stand_ins: StandIns, sql: Sql) -> None:
    batch_id = held(start)
    sql("UPDATE batches SET endpoint = '/v1/embeddings'")  # for which an earlier version made a job
    stand_ins.google.release_batches()
    bench = start(GPT, GEMINI)
    batch = ended(bench, batch_id)
    answered = outcome(bench, batch)
    bench.call("DELETE", f"/files/{batch['output_file_id']}")
    while stand_ins.google.predictions.jobs and sql("SELECT 1 FROM batch_parts WHERE results <> 'gone'"):
        bench.gateway.reconciler.run_once()
    assert (answered, stand_ins.google.predictions.jobs) == ((["a", "g"], {}), {})


def test_what_is_overdue_waits_no_longer(start: Start, sql: Sql) -> None:
    batch_id = held(start)
    sql("UPDATE batches SET expires_at = now()")
    sql("UPDATE batch_parts SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
    bench = start(GPT)
    assert outcome(bench, ended(bench, batch_id))[1] == {"g": "batch_failed"}


def test_a_retry_tells_no_host_that_may_not_be_told_any_more(url: str, stand_ins: StandIns, sql: Sql) -> None:
    address, secret = "https://hooks.test/batches", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    told = settings_for(url, stand_ins, webhook_hosts=["hooks.test"], webhook_secret=secret)
    with closing(Bench(told, stand_ins)) as bench:
        file_id = uploaded(bench, line("bad", temperature=9))
        batch_id = created(bench, file_id, webhook_url=address)["id"]
        bench.gateway.reconciler.run_once()
    with closing(Bench(settings_for(url, stand_ins), stand_ins)) as bench:
        ended(bench, batch_id)
        answer = bench.call("POST", f"/batches/{batch_id}/retry")
    assert (answer.status_code, sql("SELECT webhook_url FROM batches ORDER BY created_at")) == (
        200,
        [(address,), (None,)],
    )
