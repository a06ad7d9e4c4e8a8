"""What every batch API keeps when something went wrong, and afterwards: the contract in providers/batches.py."""

import threading
from typing import Any

import pytest

from managed_files.batch_records import JobState
from managed_files.errors import ProviderFailed
from managed_files.sandbox.faults import Fault
from tests.contract.batch_benches import PART_ID, BatchBench, batches_of


def failure_at_create(batch_bench: BatchBench, **fault: Any) -> ProviderFailed:
    order = batch_bench.order([batch_bench.body("hello")])
    batch_bench.sandbox.inject(Fault(batch_bench.create_method, batch_bench.create_path, **fault))
    with pytest.raises(ProviderFailed) as caught:
        batch_bench.api.create(order)
    return caught.value


# find and discard


def test_a_job_whose_answer_was_lost_is_found(batch_bench: BatchBench) -> None:
    order = batch_bench.order([batch_bench.body("hello")])
    batch_bench.sandbox.inject(Fault(batch_bench.create_method, batch_bench.create_path, cut="after_commit"))
    with pytest.raises(ProviderFailed):
        batch_bench.api.create(order)

    batch_bench.steering.settle_batches()
    found = batch_bench.api.find(PART_ID, order.deployment, batch_bench.since())

    assert found is not None
    assert batch_bench.seen(found).state is JobState.COMPLETED


def test_a_job_that_was_never_made_is_not_found(batch_bench: BatchBench) -> None:
    order = batch_bench.order([batch_bench.body("hello")])
    batch_bench.seen(batch_bench.api.create(order))

    assert batch_bench.api.find("part-" + "q" * 32, order.deployment, batch_bench.since()) is None


def test_a_discarded_job_leaves_nothing_behind(batch_bench: BatchBench) -> None:
    order = batch_bench.order([batch_bench.body("hello"), batch_bench.bad_body()])
    job = batch_bench.seen(batch_bench.api.create(order))

    batch_bench.api.discard(PART_ID, order.deployment, job)
    batch_bench.api.discard(PART_ID, order.deployment, job)

    assert batch_bench.leftovers(order) == set()


def test_a_job_that_was_seen_long_ago_is_discarded_too(batch_bench: BatchBench) -> None:
    order, job_id = batch_bench.held()
    early = batch_bench.api.job(job_id)
    batch_bench.steering.release_batches()
    batch_bench.steering.settle_batches()

    batch_bench.api.discard(PART_ID, order.deployment, early)

    assert batch_bench.leftovers(order) == set()


def test_what_never_became_a_job_is_discarded(batch_bench: BatchBench) -> None:
    order = batch_bench.order([batch_bench.body("hello")])
    batch_bench.sandbox.inject(Fault(batch_bench.create_method, batch_bench.create_path, status=500))
    with pytest.raises(ProviderFailed):
        batch_bench.api.create(order)

    batch_bench.api.discard(PART_ID, order.deployment, None)

    assert batch_bench.leftovers(order) == set()


# failures


@pytest.mark.parametrize(
    ("status", "told"),
    [(400, (400, False, False)), (429, (429, True, False)), (500, (500, True, True)), (503, (503, True, True))],
)
def test_a_refused_create_maps_as_written(batch_bench: BatchBench, status: int, told: tuple[int, bool, bool]) -> None:
    error = failure_at_create(batch_bench, status=status)

    assert (error.upstream_status, error.retryable, error.ambiguous) == told


def test_a_create_without_an_answer_is_ambiguous(batch_bench: BatchBench) -> None:
    error = failure_at_create(batch_bench, cut="after_commit")

    assert (error.upstream_status, error.retryable, error.ambiguous) == (None, True, True)


def test_wrong_credentials_are_our_fault_and_stay_secret(batch_bench: BatchBench) -> None:
    wrong = batches_of(batch_bench.built(batch_bench.wrong_params()))

    with pytest.raises(ProviderFailed) as caught:
        wrong.job(batch_bench.unknown_job)

    told = f"{caught.value} {caught.value!r} {wrong!r}"
    leaked = [secret for secret in batch_bench.secrets() if secret in told]
    assert (caught.value.upstream_status, caught.value.http_status, leaked) == (batch_bench.refusal, 502, [])


def test_a_provider_that_does_not_answer_in_time(batch_bench: BatchBench) -> None:
    gate = threading.Event()
    order = batch_bench.order([batch_bench.body("hello")])
    batch_bench.sandbox.inject(Fault(batch_bench.create_method, batch_bench.create_path, gate=gate))

    with pytest.raises(ProviderFailed) as caught:
        batches_of(batch_bench.adapter(timeout=0.2)).create(order)
    gate.set()

    assert (caught.value.timeout, caught.value.ambiguous, caught.value.http_status) == (True, True, 504)
