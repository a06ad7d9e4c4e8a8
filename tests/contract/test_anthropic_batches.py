"""Anthropic's batches: how one without a name is found, what goes out, and what its results may look like."""

import json
import time
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from managed_files.batch_records import CHAT, Job, JobOrder, JobState, LineResult
from managed_files.errors import InvalidRequest, ProviderFailed
from managed_files.providers.anthropic_results import result_of, state_of
from managed_files.sandbox.faults import Fault
from tests.contract.batch_benches import PART_ID, AnthropicBatchBench

OTHER = "part-" + "q" * 32
PATH = "/v1/messages/batches"
LARGE, FLAT = 20_000_000, 6_000_000  # bytes


@pytest.fixture
def bench() -> Iterator[AnthropicBatchBench]:
    bench = AnthropicBatchBench()
    yield bench
    bench.close()


def made(bench: AnthropicBatchBench, part_id: str) -> str:
    """The id of a batch that has ended."""
    job_id = bench.api.create(bench.order([bench.body("hello")], part_id))
    bench.steering.settle_batches()
    return job_id


# create


def test_a_request_carries_the_name_of_its_part(bench: AnthropicBatchBench) -> None:
    bench.api.create(bench.order([bench.body("one"), bench.body("zwölf")]))

    sent = next(one for one in bench.sandbox.requests if one.path == PATH).json()
    assert sent == {
        "requests": [
            {"custom_id": f"{PART_ID}-0", "params": bench.body("one")},
            {"custom_id": f"{PART_ID}-1", "params": bench.body("zwölf")},
        ]
    }


def test_the_length_is_told_and_files_may_be_named(bench: AnthropicBatchBench) -> None:
    bench.api.create(bench.order([bench.body("one")]))

    sent = next(one for one in bench.sandbox.requests if one.path == PATH)
    assert (int(sent.headers["content-length"]), sent.headers["anthropic-beta"]) == (sent.size, "files-api-2025-04-14")


def test_a_batch_names_files(bench: AnthropicBatchBench) -> None:
    body = bench.body("What is this?")
    source = {"type": "file", "file_id": bench.uploaded()}
    body["messages"][0]["content"] = [{"type": "document", "source": source}, {"type": "text", "text": "What is this?"}]

    job = bench.ended([body])

    assert "application/pdf" in json.dumps(bench.results(job)["0"].body)


def test_a_line_of_another_make_is_not_sent(bench: AnthropicBatchBench) -> None:
    order = JobOrder(PART_ID, bench.deployment(), CHAT, 1, lines=[b'{"params": {}, "custom_id": "0"}'])

    with pytest.raises(ValueError, match="custom_id"):
        bench.api.create(order)


def test_memory_stays_flat(bench: AnthropicBatchBench) -> None:
    line = json.dumps(bench.api.line("%d", CHAT, bench.body("x" * 20_000), bench.deployment()))
    lines = (line.replace("%d", str(key)).encode() for key in range(LARGE // 20_000))
    bench.steering.hold_batches()

    tracemalloc.start()
    bench.api.create(JobOrder(PART_ID, bench.deployment(), CHAT, LARGE // 20_000, lines=lines))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < FLAT


def test_a_stream_is_refused(bench: AnthropicBatchBench) -> None:
    with pytest.raises(InvalidRequest) as caught:
        bench.api.line("0", CHAT, {**bench.body("hello"), "stream": True}, bench.deployment())

    assert caught.value.param == "stream"


# find


def test_a_batch_is_found_among_others(bench: AnthropicBatchBench) -> None:
    made(bench, OTHER)
    wanted = made(bench, PART_ID)
    made(bench, OTHER)

    assert bench.api.find(PART_ID, bench.deployment(), bench.since()) == wanted


def test_it_is_looked_for_page_after_page(bench: AnthropicBatchBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("managed_files.providers.anthropic_batches._PAGE", 1)
    wanted = made(bench, PART_ID)
    made(bench, OTHER)
    made(bench, OTHER)

    assert bench.api.find(PART_ID, bench.deployment(), bench.since()) == wanted


def test_older_ones_are_not_looked_at(bench: AnthropicBatchBench) -> None:
    made(bench, PART_ID)

    assert bench.api.find(PART_ID, bench.deployment(), int(time.time()) + 60) is None


def test_a_running_one_may_be_ours(bench: AnthropicBatchBench) -> None:
    _, job_id = bench.held()

    with pytest.raises(ProviderFailed) as caught:
        bench.api.find(OTHER, bench.deployment(), bench.since())

    error = caught.value
    assert (error.retryable, error.ambiguous, job_id in error.message) == (True, True, True)


def test_one_that_was_made_later_is_not_ours(bench: AnthropicBatchBench) -> None:
    bench.held()

    assert bench.api.find(OTHER, bench.deployment(), bench.since(), until=bench.since()) is None


def test_a_running_one_does_not_hide_ours(bench: AnthropicBatchBench) -> None:
    wanted = made(bench, PART_ID)
    bench.held()

    assert bench.api.find(PART_ID, bench.deployment(), bench.since()) == wanted


def test_results_that_are_gone_are_nobodys(bench: AnthropicBatchBench) -> None:
    made(bench, PART_ID)
    bench.sandbox.inject(Fault("GET", f"{PATH}/.*/results", status=404))

    assert bench.api.find(PART_ID, bench.deployment(), bench.since()) is None


# discard


def test_a_running_batch_is_cancelled_before_it_goes(bench: AnthropicBatchBench) -> None:
    order, job_id = bench.held()
    job = bench.api.job(job_id)

    with pytest.raises(ProviderFailed) as caught:
        bench.api.discard(PART_ID, order.deployment, job)
    bench.steering.settle_batches()
    bench.api.discard(PART_ID, order.deployment, job)

    assert (caught.value.retryable, bench.leftovers(order)) == (True, set())


# what Anthropic says

COUNTS = {"processing": 0, "succeeded": 1, "errored": 1, "canceled": 0, "expired": 0}


@pytest.mark.parametrize(
    ("batch", "state"),
    [
        ({"processing_status": "in_progress"}, JobState.IN_PROGRESS),
        ({"processing_status": "something new"}, JobState.IN_PROGRESS),
        ({"processing_status": "canceling"}, JobState.CANCELLING),
        ({"processing_status": "ended"}, JobState.COMPLETED),
        ({"processing_status": "ended", "cancel_initiated_at": "2026-01-01T00:00:00Z"}, JobState.COMPLETED),
        ({"processing_status": "ended", "request_counts": {**COUNTS, "expired": 2}}, JobState.EXPIRED),
        (
            {
                "processing_status": "ended",
                "cancel_initiated_at": "2026-01-01T00:00:00Z",
                "request_counts": {**COUNTS, "canceled": 2},
            },
            JobState.CANCELLED,
        ),
    ],
)
def test_states(batch: dict[str, Any], state: JobState) -> None:
    assert state_of({"request_counts": COUNTS, **batch}) is state


@pytest.mark.parametrize(
    ("kind", "status"),
    [("rate_limit_error", 429), ("overloaded_error", 503), ("authentication_error", 502), ("new_error", 502)],
)
def test_an_error_has_the_status_that_a_chat_would_have(kind: str, status: int) -> None:
    error = {"type": "error", "error": {"type": kind, "message": "Not now."}, "request_id": "req_1"}

    result = result_of({"custom_id": f"{PART_ID}-7", "result": {"type": "errored", "error": error}})

    assert (result.key, result.status, result.request_id) == ("7", status, "req_1")
    assert "Not now." in result.body["error"]["message"]


def test_a_result_of_a_kind_that_is_new() -> None:
    result = result_of({"custom_id": f"{PART_ID}-7", "result": {"type": "postponed"}})

    assert result == LineResult(
        "7", None, code="postponed", message="anthropic did not answer this request: postponed."
    )


def test_a_batch_that_is_gone_has_no_results(bench: AnthropicBatchBench) -> None:
    with pytest.raises(ProviderFailed) as caught:
        list(bench.api.results(Job(bench.unknown_job, JobState.COMPLETED)))

    assert caught.value.upstream_status == 404


@pytest.mark.parametrize("line", [b"{", b"[]", b"{}", b'{"custom_id": "a"}', b'{"custom_id": "a", "result": {}}'])
def test_a_line_that_is_no_result(bench: AnthropicBatchBench, line: bytes) -> None:
    bench.sandbox.inject(Fault("GET", f"{PATH}/.*/results", status=200, body=line))

    with pytest.raises(ProviderFailed, match="not a line of a batch"):
        list(bench.api.results(Job(bench.unknown_job, JobState.COMPLETED)))
