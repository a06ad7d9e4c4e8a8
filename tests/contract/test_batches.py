"""What every batch API keeps: the contract in providers/batches.py, sentence by sentence."""

import json
import threading
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
from tests.contract.batch_benches import BATCH_BENCHES, PART_ID, BatchBench, batches_of

MANY = 3000
FLAT = 4_000_000  # bytes; the results of MANY lines are at least twice as many
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=10,
)


@pytest.fixture(params=BATCH_BENCHES, ids=lambda kind: kind.label)
def bench(request: pytest.FixtureRequest) -> Iterator[BatchBench]:
    bench: BatchBench = request.param()
    yield bench
    bench.close()


@pytest.fixture(scope="module", params=BATCH_BENCHES, ids=lambda kind: kind.label)
def shared_bench(request: pytest.FixtureRequest) -> Iterator[BatchBench]:
    """One for all examples of a property."""
    bench: BatchBench = request.param()
    yield bench
    bench.close()


def failure_at_create(bench: BatchBench, **fault: Any) -> ProviderFailed:
    order = bench.order([bench.body("hello")])
    bench.sandbox.inject(Fault(bench.create_method, bench.create_path, **fault))
    with pytest.raises(ProviderFailed) as caught:
        bench.api.create(order)
    return caught.value


def counted(job: Job, bench: BatchBench, completed: int, failed: int) -> bool:
    """Whether the job's counts are these, or not told where the provider tells none."""
    return (job.completed, job.failed) == ((completed, failed) if bench.counts else (None, None))


def test_every_provider_that_runs_batches_is_in_this_suite() -> None:
    running = {name for name, provider in PROVIDERS.items() if provider.runs_batches}
    assert {kind.name for kind in BATCH_BENCHES} == running


def test_an_adapter_has_one_batch_api(bench: BatchBench) -> None:
    assert bench.provider.batches() is bench.provider.batches()


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


def test_a_stored_input_can_be_read_back(bench: BatchBench) -> None:
    if not bench.api.holds_input:
        assert bench.order([bench.body("hello")]).input_id is None
        return
    order = bench.order([bench.body("one"), bench.body("zwölf")])

    lines = list(json_lines(bench.provider.content(order.input_id or "", "batch")))

    assert [bench.api.key_of(json.loads(line)) for line in lines] == ["0", "1"]


# create, job, results


def test_a_job_answers_as_the_chat_does(bench: BatchBench) -> None:
    bodies = {str(key): bench.body(f"number {key}, ünïcödé \u2028 {'x' * key}") for key in range(3)}

    job = bench.ended(bodies.values())

    results = bench.results(job)
    told = {key: (result.status, bench.comparable(result.body)) for key, result in results.items()}
    assert (job.state, counted(job, bench, 3, 0), told) == (
        JobState.COMPLETED,
        True,
        {key: (200, bench.chat_answer(body)) for key, body in bodies.items()},
    )


def test_a_line_that_fails_does_not_fail_the_job(bench: BatchBench) -> None:
    job = bench.ended([bench.body("good"), bench.bad_body(), bench.body("good")])

    refused = bench.results(job)["1"]
    assert (job.state, counted(job, bench, 2, 1), bench.outcomes(job)) == (
        JobState.COMPLETED,
        True,
        {"0": 200, "1": bench.refused_line, "2": 200},
    )
    assert refused.body["error"].keys() >= {"message", "type", "param", "code"}
    assert refused.body["error"]["message"]


def test_keys_survive(bench: BatchBench) -> None:
    bodies = {str(key): bench.body(f"I am {key}.") for key in range(12)}

    results = bench.results(bench.ended(bodies.values()))

    assert {key for key, result in results.items() if f"I am {key}." in json.dumps(result.body)} == bodies.keys()


def test_a_job_in_progress_has_not_ended(bench: BatchBench) -> None:
    _, job_id = bench.held()

    assert bench.api.job(job_id).state.ended is False


def test_a_job_that_nobody_knows_has_failed(bench: BatchBench) -> None:
    assert bench.api.job(bench.unknown_job).state is JobState.FAILED


def test_a_job_that_fails_as_a_whole_says_why(bench: BatchBench) -> None:
    _, job_id = bench.held()

    bench.steering.fail_batches("The moon was in the wrong house.")

    assert "The moon was in the wrong house." in bench.failure_of(bench.seen(job_id))


def test_an_expired_job_keeps_what_it_had(bench: BatchBench) -> None:
    _, job_id = bench.held(4)

    bench.steering.expire_batches()

    job = bench.seen(job_id)
    answered = {"0": 200, "1": 200} if bench.half_kept else {}
    rest = range(2 if bench.half_kept else 0, 4)
    assert (job.state, bench.outcomes(job)) == (JobState.EXPIRED, answered | bench.without_answer(rest, "expired"))


def test_results_are_a_stream(bench: BatchBench) -> None:
    job = bench.ended(bench.body(f"{key} " + "x" * 2500) for key in range(MANY))

    tracemalloc.start()
    seen = sum(1 for result in bench.api.results(job) if result.status == 200)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (seen, peak < FLAT) == (MANY, True), peak


def test_results_that_break_off_are_a_failure(bench: BatchBench) -> None:
    job = bench.ended(bench.body(f"{key} " + "x" * 9000) for key in range(200))
    bench.sandbox.inject(Fault("GET", cut="mid_stream"))

    with pytest.raises(ProviderFailed) as caught:
        list(bench.api.results(job))

    assert (caught.value.provider, caught.value.retryable) == (bench.name, True)


# cancel


def test_a_cancelled_job_asks_no_more(bench: BatchBench) -> None:
    _, job_id = bench.held(3)

    bench.api.cancel(job_id)

    job = bench.seen(job_id)
    assert (job.state, bench.outcomes(job)) == (JobState.CANCELLED, bench.without_answer(range(3), "cancelled"))


def test_cancel_twice_is_fine(bench: BatchBench) -> None:
    _, job_id = bench.held()

    bench.api.cancel(job_id)
    bench.api.cancel(job_id)

    assert bench.seen(job_id).state is JobState.CANCELLED


def test_cancel_after_the_end_changes_nothing(bench: BatchBench) -> None:
    job = bench.ended([bench.body("hello")])

    bench.api.cancel(job.id)

    assert bench.seen(job.id) == job


def test_cancel_of_a_job_that_is_gone_is_fine(bench: BatchBench) -> None:
    assert bench.api.cancel(bench.unknown_job) is None


# find and discard


def test_a_job_whose_answer_was_lost_is_found(bench: BatchBench) -> None:
    order = bench.order([bench.body("hello")])
    bench.sandbox.inject(Fault(bench.create_method, bench.create_path, cut="after_commit"))
    with pytest.raises(ProviderFailed):
        bench.api.create(order)

    bench.steering.settle_batches()
    found = bench.api.find(PART_ID, order.deployment, bench.since())

    assert found is not None
    assert bench.seen(found).state is JobState.COMPLETED


def test_a_job_that_was_never_made_is_not_found(bench: BatchBench) -> None:
    order = bench.order([bench.body("hello")])
    bench.seen(bench.api.create(order))

    assert bench.api.find("part-" + "q" * 32, order.deployment, bench.since()) is None


def test_a_discarded_job_leaves_nothing_behind(bench: BatchBench) -> None:
    order = bench.order([bench.body("hello"), bench.bad_body()])
    job = bench.seen(bench.api.create(order))

    bench.api.discard(PART_ID, order.deployment, job)
    bench.api.discard(PART_ID, order.deployment, job)

    assert bench.leftovers(order) == set()


def test_a_job_that_was_seen_long_ago_is_discarded_too(bench: BatchBench) -> None:
    order, job_id = bench.held()
    early = bench.api.job(job_id)
    bench.steering.release_batches()
    bench.steering.settle_batches()

    bench.api.discard(PART_ID, order.deployment, early)

    assert bench.leftovers(order) == set()


def test_what_never_became_a_job_is_discarded(bench: BatchBench) -> None:
    order = bench.order([bench.body("hello")])
    bench.sandbox.inject(Fault(bench.create_method, bench.create_path, status=500))
    with pytest.raises(ProviderFailed):
        bench.api.create(order)

    bench.api.discard(PART_ID, order.deployment, None)

    assert bench.leftovers(order) == set()


# failures


@pytest.mark.parametrize(
    ("status", "told"),
    [(400, (400, False, False)), (429, (429, True, False)), (500, (500, True, True)), (503, (503, True, True))],
)
def test_a_refused_create_maps_as_written(bench: BatchBench, status: int, told: tuple[int, bool, bool]) -> None:
    error = failure_at_create(bench, status=status)

    assert (error.upstream_status, error.retryable, error.ambiguous) == told


def test_a_create_without_an_answer_is_ambiguous(bench: BatchBench) -> None:
    error = failure_at_create(bench, cut="after_commit")

    assert (error.upstream_status, error.retryable, error.ambiguous) == (None, True, True)


def test_wrong_credentials_are_our_fault_and_stay_secret(bench: BatchBench) -> None:
    wrong = batches_of(bench.built(bench.wrong_params()))

    with pytest.raises(ProviderFailed) as caught:
        wrong.job(bench.unknown_job)

    told = f"{caught.value} {caught.value!r} {wrong!r}"
    leaked = [secret for secret in bench.secrets() if secret in told]
    assert (caught.value.upstream_status, caught.value.http_status, leaked) == (bench.refusal, 502, [])


def test_a_provider_that_does_not_answer_in_time(bench: BatchBench) -> None:
    gate = threading.Event()
    order = bench.order([bench.body("hello")])
    bench.sandbox.inject(Fault(bench.create_method, bench.create_path, gate=gate))

    with pytest.raises(ProviderFailed) as caught:
        batches_of(bench.adapter(timeout=0.2)).create(order)
    gate.set()

    assert (caught.value.timeout, caught.value.ambiguous, caught.value.http_status) == (True, True, 504)
