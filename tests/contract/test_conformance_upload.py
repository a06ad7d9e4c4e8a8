"""What every adapter keeps when a file is sent: the contract in providers/base.py, sentence by sentence."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from managed_files.errors import LengthChanged, ProviderFailed, SpoolBroken
from managed_files.records import Copy, CopyState
from managed_files.sandbox.faults import Fault
from tests.contract.benches import CONTENT, FILE_ID, Bench, sending

DIGEST = hashlib.sha256(CONTENT).hexdigest()


def failure_of(bench: Bench, **changes: Any) -> ProviderFailed:
    with pytest.raises(ProviderFailed) as caught:
        bench.adapter(**changes).upload(sending(bench.spooled()))
    return caught.value


def leftovers(bench: Bench, error: ProviderFailed) -> set[str]:
    """What a failed upload left that could not be found again."""
    findable = (
        {*bench.provider.find(FILE_ID), bench.provider.planned_id(sending(bench.spooled()))}
        if error.ambiguous
        else set()
    )
    return bench.stored().keys() - findable


# upload


def test_an_upload_stores_the_bytes_and_tells_their_remote_id(bench: Bench) -> None:
    copy = bench.provider.upload(sending(bench.spooled()))

    account, told = bench.provider.account.name, (copy.remote_id, "application/pdf", copy.expires_at)
    assert (bench.stored(), copy) == (
        {copy.remote_id: DIGEST},
        Copy(FILE_ID, account, bench.name, CopyState.READY, *told),
    )


def test_an_empty_file_arrives_empty(bench: Bench) -> None:
    bench.provider.upload(sending(bench.spooled(b"")))

    assert list(bench.stored().values()) == [hashlib.sha256(b"").hexdigest()]


@pytest.mark.parametrize("expected", [None, len(CONTENT)], ids=["unknown length", "known length"])
def test_an_upload_follows_a_file_that_still_arrives(bench: Bench, expected: int | None) -> None:
    spool = bench.growing(expected)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(bench.provider.upload, sending(spool))
        for start in range(0, len(CONTENT), 1000):
            spool.write(CONTENT[start : start + 1000])
        spool.finish()

    assert bench.stored() == {running.result().remote_id: DIGEST}


def test_every_upload_reads_from_its_own_cursor(bench: Bench) -> None:
    upload = sending(bench.spooled())
    with ThreadPoolExecutor(2) as pool:
        copies = list(pool.map(bench.provider.upload, [upload, replace(upload, file_id="file-mf-" + "b" * 32)]))

    assert bench.stored() == {copy.remote_id: DIGEST for copy in copies}


def test_an_upload_can_be_found_again_when_its_answer_was_lost(bench: Bench) -> None:
    upload = sending(bench.spooled())
    other = replace(upload, file_id="file-mf-" + "b" * 32)
    copy, _ = bench.provider.upload(upload), bench.provider.upload(other)

    assert [bench.provider.planned_id(upload)] == [copy.remote_id] or bench.provider.find(FILE_ID) == [copy.remote_id]


# failures


@pytest.mark.parametrize(
    ("status", "http_status", "retryable"),
    [
        (400, 400, False),
        (403, 502, False),
        (404, 404, False),
        (413, 413, False),
        (429, 429, True),
        (500, 502, True),
        (503, 502, True),
        (504, 504, True),
    ],
)
def test_a_refusal_maps_as_written(bench: Bench, status: int, http_status: int, retryable: bool) -> None:
    bench.sandbox.inject(
        Fault(bench.upload_method, bench.upload_path, status=status, headers={"Retry-After": "7"}, times=None)
    )

    error = failure_of(bench)

    assert (error.provider, error.upstream_status, error.http_status, error.retryable, error.retry_after) == (
        bench.name,
        status,
        http_status,
        retryable,
        "7",
    )


def test_a_refusal_before_the_body_was_read_maps_too(bench: Bench) -> None:
    bench.sandbox.inject(Fault(bench.upload_method, bench.upload_path, status=413, read_body=False))

    assert failure_of(bench).upstream_status == 413


def test_wrong_credentials_are_our_fault_not_the_clients(bench: Bench) -> None:
    with pytest.raises(ProviderFailed) as caught:
        bench.built(bench.wrong_params()).upload(sending(bench.spooled()))

    told = (caught.value.upstream_status, caught.value.http_status, caught.value.retryable)
    assert told == (bench.refusal, 502, False)


def test_a_provider_that_does_not_answer_in_time(bench: Bench) -> None:
    gate = threading.Event()
    bench.sandbox.inject(Fault(bench.upload_method, bench.upload_path, gate=gate))

    error = failure_of(bench, timeout=0.2)
    gate.set()

    assert (error.timeout, error.retryable, error.ambiguous, error.http_status) == (True, True, True, 504)


def test_a_connection_that_is_cut(bench: Bench) -> None:
    bench.sandbox.inject(Fault(bench.upload_method, bench.upload_path, cut="before"))

    error = failure_of(bench)

    assert (error.retryable, error.timeout, error.http_status, error.__cause__ is not None) == (True, False, 502, True)


def test_a_provider_that_is_not_there(bench: Bench) -> None:
    bench.sandbox.stop()

    error = failure_of(bench)
    bench.sandbox.start()

    assert (error.retryable, error.ambiguous, error.http_status) == (True, False, 502)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 401},
        {"status": 413},
        {"status": 500},
        {"cut": "before"},
        {"cut": "mid_body"},
        {"cut": "after_commit"},
    ],
    ids=str,
)
def test_a_failed_upload_leaves_nothing_that_cannot_be_found(bench: Bench, fault: dict[str, Any]) -> None:
    bench.sandbox.inject(Fault(bench.upload_method, bench.upload_path, **fault))

    assert leftovers(bench, failure_of(bench)) == set()


def test_a_client_that_goes_away_leaves_nothing(bench: Bench) -> None:
    spool = bench.growing(len(CONTENT))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(bench.provider.upload, sending(spool))
        spool.write(CONTENT[:5000])
        spool.fail("gone")

    assert (type(running.exception()), bench.stored()) == (SpoolBroken, {})


@pytest.mark.parametrize("true_size", [len(CONTENT) - 1, len(CONTENT) + 1])
def test_a_wrong_promise_of_length_never_stores_a_wrong_file(bench: Bench, true_size: int) -> None:
    data = (CONTENT + b"x")[:true_size]
    spool = bench.growing(len(CONTENT))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(bench.provider.upload, sending(spool))
        spool.write(data[:1000])
        bench.wait_for_beginning()
        spool.write(data[1000:])
        spool.finish()

    # an adapter that had not told the promise to anybody yet may as well have stored the true file
    whole = [hashlib.sha256(data).hexdigest()]
    assert (type(running.exception()), list(bench.stored().values())) in [(LengthChanged, []), (type(None), whole)]
