"""What every batch API keeps: the contract in providers/batches.py, sentence by sentence."""

import json
import tracemalloc
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from managed_files.batch_records import CHAT, Job, JobState
from managed_files.errors import InvalidRequest, ProviderFailed
from managed_files.providers.batches import json_lines
from managed_files.providers.registry import PROVIDERS
from managed_files.sandbox.faults import Fault
from tests.contract.batch_benches import BATCH_BENCHES, BatchBench

MANY = 800
FLAT = 4_000_000  # bytes; the results of MANY lines are at least twice as many
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=10,
)


@pytest.fixture(scope="module", params=BATCH_BENCHES, ids=lambda kind: kind.label)
def shared_bench(request: pytest.FixtureRequest) -> Iterator[BatchBench]:
    """One for all examples of a property."""
    bench: BatchBench = request.param()
    yield bench
    bench.close()


def counted(job: Job, batch_bench: BatchBench, completed: int, failed: int) -> bool:
    """Whether the job's counts are these, or not told where the provider tells none."""
    return (job.completed, job.failed) == ((completed, failed) if batch_bench.counts else (None, None))


def test_every_provider_that_runs_batches_is_in_this_suite() -> None:
    running = {name for name, provider in PROVIDERS.items() if provider.batch_api}
    assert {kind.name for kind in BATCH_BENCHES} == running


def test_an_adapter_has_one_batch_api(batch_bench: BatchBench) -> None:
    assert batch_bench.provider.batches() is batch_bench.provider.batches()


# line and key_of


@settings(deadline=None, max_examples=60)
@given(key=st.integers(0, 10**9).map(str), body=st.dictionaries(st.text(max_size=9), JSON, max_size=5))
def test_a_line_is_pure_and_carries_its_key(shared_bench: BatchBench, key: str, body: dict[str, Any]) -> None:
    before = deepcopy(body)
    try:
        line = shared_bench.api.line(key, CHAT, body, shared_bench.deployment())
    except InvalidRequest:
        reject()

    assert (shared_bench.api.key_of(json.loads(json.dumps(line))), body) == (key, before)


def test_a_stored_input_can_be_read_back(batch_bench: BatchBench) -> None:
    if not batch_bench.api.holds_input:
        assert batch_bench.order([batch_bench.body("hello")]).input_id is None
        return
    order = batch_bench.order([batch_bench.body("one"), batch_bench.body("zwölf")])

    lines = list(json_lines(batch_bench.provider.content(order.input_id or "", "batch")))

    assert [batch_bench.api.key_of(json.loads(line)) for line in lines] == ["0", "1"]


# create, job, results


def test_a_job_answers_as_the_chat_does(batch_bench: BatchBench) -> None:
    bodies = {str(key): batch_bench.body(f"number {key}, ünïcödé \u2028 {'x' * key}") for key in range(3)}

    job = batch_bench.ended(bodies.values())

    results = batch_bench.results(job)
    told = {key: (result.status, batch_bench.comparable(result.body)) for key, result in results.items()}
    assert (job.state, counted(job, batch_bench, 3, 0), told) == (
        JobState.COMPLETED,
        True,
        {key: (200, batch_bench.chat_answer(body)) for key, body in bodies.items()},
    )


def test_a_line_that_fails_does_not_fail_the_job(batch_bench: BatchBench) -> None:
    job = batch_bench.ended([batch_bench.body("good"), batch_bench.bad_body(), batch_bench.body("good")])

    refused = batch_bench.results(job)["1"]
    assert (job.state, counted(job, batch_bench, 2, 1), batch_bench.outcomes(job)) == (
        JobState.COMPLETED,
        True,
        {"0": 200, "1": batch_bench.refused_line, "2": 200},
    )
    assert refused.body["error"].keys() >= {"message", "type", "param", "code"}
    assert refused.body["error"]["message"]


def test_keys_survive(batch_bench: BatchBench) -> None:
    bodies = {str(key): batch_bench.body(f"I am {key}.") for key in range(12)}

    results = batch_bench.results(batch_bench.ended(bodies.values()))

    assert {key for key, result in results.items() if f"I am {key}." in json.dumps(result.body)} == bodies.keys()


def test_a_job_in_progress_has_not_ended(batch_bench: BatchBench) -> None:
    _, job_id = batch_bench.held()

    assert batch_bench.api.job(job_id).state.ended is False


def test_a_job_that_nobody_knows_has_failed(batch_bench: BatchBench) -> None:
    assert batch_bench.api.job(batch_bench.unknown_job).state is JobState.FAILED


def test_a_job_that_fails_as_a_whole_says_why(batch_bench: BatchBench) -> None:
    _, job_id = batch_bench.held()

    batch_bench.steering.fail_batches("The moon was in the wrong house.")

    assert "The moon was in the wrong house." in batch_bench.failure_of(batch_bench.seen(job_id))


def test_an_expired_job_keeps_what_it_had(batch_bench: BatchBench) -> None:
    _, job_id = batch_bench.held(4)

    batch_bench.steering.expire_batches()

    job = batch_bench.seen(job_id)
    answered = {"0": 200, "1": 200} if batch_bench.half_kept else {}
    rest = range(2 if batch_bench.half_kept else 0, 4)
    assert (job.state, batch_bench.outcomes(job)) == (
        JobState.EXPIRED,
        answered | batch_bench.without_answer(rest, "expired"),
    )


def test_results_are_a_stream(batch_bench: BatchBench) -> None:
    job = batch_bench.ended(batch_bench.body(f"{key} " + "x" * 10_000) for key in range(MANY))

    tracemalloc.start()
    seen = sum(1 for result in batch_bench.api.results(job) if result.status == 200)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (seen, peak < FLAT) == (MANY, True), peak


def test_results_that_break_off_are_a_failure(batch_bench: BatchBench) -> None:
    job = batch_bench.ended(batch_bench.body(f"{key} " + "x" * 9000) for key in range(200))
    batch_bench.sandbox.inject(Fault("GET", cut="mid_stream"))

    with pytest.raises(ProviderFailed) as caught:
        list(batch_bench.api.results(job))

    assert (caught.value.provider, caught.value.retryable) == (batch_bench.name, True)


# cancel


def test_a_cancelled_job_asks_no_more(batch_bench: BatchBench) -> None:
    _, job_id = batch_bench.held(3)

    batch_bench.api.cancel(job_id)

    job = batch_bench.seen(job_id)
    assert (job.state, batch_bench.outcomes(job)) == (
        JobState.CANCELLED,
        batch_bench.without_answer(range(3), "cancelled"),
    )


def test_cancel_twice_is_fine(batch_bench: BatchBench) -> None:
    _, job_id = batch_bench.held()

    batch_bench.api.cancel(job_id)
    batch_bench.api.cancel(job_id)

    assert batch_bench.seen(job_id).state is JobState.CANCELLED


def test_cancel_after_the_end_changes_nothing(batch_bench: BatchBench) -> None:
    job = batch_bench.ended([batch_bench.body("hello")])

    batch_bench.api.cancel(job.id)

    assert batch_bench.seen(job.id) == job


def test_cancel_of_a_job_that_is_gone_is_fine(batch_bench: BatchBench) -> None:
    assert batch_bench.api.cancel(batch_bench.unknown_job) is None
