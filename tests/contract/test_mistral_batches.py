"""Mistral's batches: what goes out, how a job is found, and what the lines of its files may look like."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from managed_files.batch_records import EMBEDDINGS, Job, JobState, LineResult
from managed_files.errors import InvalidRequest, ProviderFailed
from managed_files.sandbox.faults import Fault
from tests.contract.batch_benches import PART_ID, MistralBatchBench

OTHER = "part-" + "q" * 32
JOBS = "/v1/batch/jobs"


@pytest.fixture
def bench() -> Iterator[MistralBatchBench]:
    bench = MistralBatchBench()
    yield bench
    bench.close()


def sent(bench: MistralBatchBench) -> dict[str, Any]:
    """The body of the last create call."""
    found: dict[str, Any] = [one for one in bench.sandbox.requests if (one.method, one.path) == ("POST", JOBS)][
        -1
    ].json()
    return found


# line and create


def test_the_model_belongs_to_the_job(bench: MistralBatchBench) -> None:
    order = replace(bench.order([bench.body("hello")]), window=90_000)

    bench.api.create(order)

    line = bench.api.line("7", order.endpoint, {"model": "m", "messages": []}, order.deployment)
    assert line == {"custom_id": "7", "body": {"messages": []}}
    assert sent(bench) == {
        "endpoint": "/v1/chat/completions",
        "model": bench.model,
        "input_files": [order.input_id],
        "metadata": {"managed_files_part": PART_ID},
        "timeout_hours": 25,
    }


@pytest.mark.parametrize(("window", "hours"), [(1, 1), (3600, 1), (86_400, 24), (10**9, 168)])
def test_the_window_is_told_in_hours(bench: MistralBatchBench, window: int, hours: int) -> None:
    bench.api.create(replace(bench.order([bench.body("hello")]), window=window))

    assert sent(bench)["timeout_hours"] == hours


def test_a_stream_is_refused(bench: MistralBatchBench) -> None:
    with pytest.raises(InvalidRequest) as caught:
        bench.api.line("0", EMBEDDINGS, {"stream": True}, bench.deployment())

    assert caught.value.param == "stream"


def test_embeddings(bench: MistralBatchBench) -> None:
    bench.model = "mistral-embed"
    bodies = [{"model": bench.model, "input": "hello"}, {"model": bench.model, "input": 7}]

    job = bench.seen(bench.api.create(bench.order(bodies, endpoint=EMBEDDINGS)))

    results = bench.results(job)
    assert (job.state, results["0"].body["data"][0]["object"], results["1"].status) == (
        JobState.COMPLETED,
        "embedding",
        422,
    )


def test_an_unknown_model_is_refused_at_once(bench: MistralBatchBench) -> None:
    bench.model = "mistral-imaginary"

    with pytest.raises(ProviderFailed) as caught:
        bench.api.create(bench.order([bench.body("hello")]))

    assert caught.value.upstream_status == 400


def test_an_input_that_is_no_list_of_requests_fails_the_job(bench: MistralBatchBench) -> None:
    order = replace(bench.order([]), input_id=bench.stored_input([b'{"custom_id": "0"}']))

    job = bench.seen(bench.api.create(order))

    assert (job.state, job.error) == (JobState.FAILED, "Line 1: `body` has to be an object.")


# find


def test_it_is_looked_for_page_after_page(bench: MistralBatchBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("managed_files.providers.mistral_batches._PAGE", 1)
    wanted, *_ = [bench.api.create(bench.order([bench.body("hello")], part)) for part in (PART_ID, OTHER, OTHER)]

    assert bench.api.find(PART_ID, bench.deployment(), bench.since()) == wanted


def test_the_search_ends_with_older_jobs(bench: MistralBatchBench) -> None:
    bench.api.create(bench.order([bench.body("hello")]))

    assert bench.api.find(OTHER, bench.deployment(), int(time.time()) + 60) is None
    assert [one.query["page"] for one in bench.sandbox.requests if one.path == JOBS and one.method == "GET"] == ["0"]


# discard


def test_a_running_job_is_cancelled_before_it_goes(bench: MistralBatchBench) -> None:
    order, _ = bench.held()

    with pytest.raises(ProviderFailed) as caught:
        bench.api.discard(PART_ID, order.deployment, None)
    bench.steering.settle_batches()
    bench.api.discard(PART_ID, order.deployment, None)

    assert (caught.value.retryable, bench.leftovers(order)) == (True, set())


# what Mistral's files say


def told(bench: MistralBatchBench, line: dict[str, Any]) -> LineResult:
    """The result that a line of an output file means."""
    file_id = bench.stored_input([json.dumps({"id": "batch-1", "custom_id": "7", **line}).encode()])
    [result] = bench.api.results(Job(bench.unknown_job, JobState.COMPLETED, outputs=(file_id,)))
    return result


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        ({"response": {"status_code": 429, "body": None}, "error": "rate limited"}, 429, "rate limited"),
        ({"response": {"status_code": 400, "body": {"message": "Wrong."}}, "error": None}, 400, "Wrong."),
        ({"response": {"status_code": 422, "body": '{"detail": "No."}'}, "error": None}, 422, "No."),
        ({"response": None, "error": {"message": "It broke."}}, 502, "It broke."),
        ({"response": {"status_code": 200, "body": {}}, "error": "It broke."}, 502, "It broke."),
        ({}, 502, "no reason given"),
    ],
)
def test_refusals(bench: MistralBatchBench, line: dict[str, Any], status: int, message: str) -> None:
    result = told(bench, line)

    assert (result.key, result.status, message in result.body["error"]["message"]) == ("7", status, True)


def test_a_file_that_is_gone(bench: MistralBatchBench) -> None:
    job = bench.ended([bench.body("hello")])
    bench.sandbox.inject(Fault("GET", "/v1/files/.*/content", status=404))

    with pytest.raises(ProviderFailed) as caught:
        list(bench.api.results(job))

    assert caught.value.upstream_status == 404


@pytest.mark.parametrize("line", [b"{", b"[]", b"{}", b'{"custom_id": "a", "response": 1}'])
def test_a_line_that_is_no_result(bench: MistralBatchBench, line: bytes) -> None:
    job = Job(bench.unknown_job, JobState.COMPLETED, outputs=(bench.stored_input([line]),))

    with pytest.raises(ProviderFailed, match="not a line of a batch"):
        list(bench.api.results(job))
