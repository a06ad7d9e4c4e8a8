"""What every adapter keeps, whatever its provider: the contract in providers/base.py, sentence by sentence."""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from managed_files.errors import ContentUnavailable, LengthChanged, ProviderFailed, SpoolBroken
from managed_files.records import Copy, CopyState
from managed_files.sandbox.faults import Fault
from tests.contract.benches import BENCHES, CONTENT, FILE_ID, Bench, sending

DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=BENCHES, ids=lambda kind: kind.name)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench: Bench = request.param()
    yield bench
    bench.close()


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

    assert (bench.stored(), copy) == (
        {copy.remote_id: DIGEST},
        Copy(FILE_ID, bench.provider.account.name, bench.name, CopyState.READY, copy.remote_id, "application/pdf"),
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
    bench.sandbox.inject(Fault("POST", bench.upload_path, status=status, headers={"Retry-After": "7"}, times=None))

    error = failure_of(bench)

    assert (error.provider, error.upstream_status, error.http_status, error.retryable, error.retry_after) == (
        bench.name,
        status,
        http_status,
        retryable,
        "7",
    )


def test_a_refusal_before_the_body_was_read_maps_too(bench: Bench) -> None:
    bench.sandbox.inject(Fault("POST", bench.upload_path, status=413, read_body=False))

    assert failure_of(bench).upstream_status == 413


def test_wrong_credentials_are_our_fault_not_the_clients(bench: Bench) -> None:
    with pytest.raises(ProviderFailed) as caught:
        bench.built(bench.wrong_params()).upload(sending(bench.spooled()))

    assert (caught.value.upstream_status, caught.value.http_status, caught.value.retryable) == (401, 502, False)


def test_a_provider_that_does_not_answer_in_time(bench: Bench) -> None:
    gate = threading.Event()
    bench.sandbox.inject(Fault("POST", bench.upload_path, gate=gate))

    error = failure_of(bench, timeout=0.2)
    gate.set()

    assert (error.timeout, error.retryable, error.ambiguous, error.http_status) == (True, True, True, 504)


def test_a_connection_that_is_cut(bench: Bench) -> None:
    bench.sandbox.inject(Fault("POST", bench.upload_path, cut="before"))

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
    bench.sandbox.inject(Fault("POST", bench.upload_path, **fault))

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
        bench.sandbox.wait_for(bench.begins_upload)
        spool.write(data)
        spool.finish()

    # an adapter that had not told the promise to anybody yet may as well have stored the true file
    whole = [hashlib.sha256(data).hexdigest()]
    assert (type(running.exception()), list(bench.stored().values())) in [(LengthChanged, []), (type(None), whole)]


# delete, ready, content


def test_delete_twice_is_fine(bench: Bench) -> None:
    remote_id = bench.uploaded()
    bench.provider.delete(remote_id)
    bench.provider.delete(remote_id)

    assert bench.stored() == {}


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_delete_that_is_refused_says_so(bench: Bench, status: int) -> None:
    remote_id = bench.uploaded()
    bench.sandbox.inject(Fault("DELETE", bench.file_path, status=status))

    with pytest.raises(ProviderFailed) as caught:
        bench.provider.delete(remote_id)

    assert (caught.value.upstream_status, list(bench.stored())) == (status, [remote_id])


def test_a_stored_file_is_ready(bench: Bench) -> None:
    assert bench.provider.ready(bench.uploaded()) is CopyState.READY


def test_content_comes_back_whole_or_is_said_to_be_kept(bench: Bench) -> None:
    remote_id = bench.uploaded()
    try:
        content = b"".join(bench.provider.content(remote_id, "user_data"))
    except ContentUnavailable as kept:
        content = type(kept).__name__.encode()

    assert content == (CONTENT if bench.returns_content else b"ContentUnavailable")


def test_content_that_breaks_off_is_a_failure(bench: Bench) -> None:
    remote_id = bench.uploaded(CONTENT * 4, "batch", "lines.jsonl")
    bench.sandbox.inject(Fault("GET", bench.file_path, cut="mid_stream"))

    with pytest.raises(ProviderFailed) as caught:
        b"".join(bench.provider.content(remote_id, "batch"))

    assert (caught.value.provider, caught.value.retryable) == (bench.name, True)


def test_content_of_a_file_that_is_gone_is_a_404(bench: Bench) -> None:
    remote_id = bench.uploaded()
    bench.provider.delete(remote_id)

    with pytest.raises(ProviderFailed) as caught:
        bench.provider.content(remote_id, "user_data")

    assert caught.value.upstream_status == 404


# resolve and chat


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"file_id": FILE_ID, "unknown": 1}, "mark": {"a": 2}},
        {"type": "image_url", "image_url": {"url": FILE_ID, "unknown": 1}, "mark": {"a": 2}},
        {"type": "image_url", "image_url": FILE_ID, "mark": {"a": 2}},
        {"type": "input_audio", "input_audio": {"data": FILE_ID, "format": "wav", "unknown": 1}, "mark": {"a": 2}},
    ],
    ids=lambda part: f"{part['type']}",
)
def test_resolve_is_pure_and_keeps_unknown_keys(bench: Bench, part: dict[str, Any]) -> None:
    copy = Copy(FILE_ID, "account", bench.name, CopyState.READY, "remote-1", "application/pdf")
    before = deepcopy(part)

    resolved = bench.provider.resolve(copy, part)

    file = {"file_id": "remote-1", **bench.in_every_file_part}
    if isinstance(part[part["type"]], dict):
        file["unknown"] = 1
    assert (part, resolved) == (before, {"type": "file", "file": file, "mark": {"a": 2}})


@pytest.mark.parametrize(("stream", "content_type"), [(False, "application/json"), (True, "text/event-stream")])
def test_a_chat_call_reaches_the_provider(bench: Bench, stream: bool, content_type: str) -> None:
    endpoint = bench.provider.chat(bench.deployment(), stream=stream)

    answer = bench.upstream.send("POST", endpoint.url, headers=endpoint.headers, body=bench.chat_body(stream))

    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, content_type)


# secrets and threads


def test_no_secret_is_in_a_message_a_repr_or_a_log(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    remote_id = bench.uploaded()
    told = [repr(bench.provider), repr(bench.provider.account), repr(bench.deployment())]
    told.append(repr(bench.provider.chat(bench.deployment(), stream=False)))
    secrets = {*bench.secrets(), *bench.sent_credentials()}
    bench.sandbox.inject(Fault("DELETE", bench.file_path, status=400, body=" ".join(secrets).encode()))
    for act in (lambda: bench.provider.delete(remote_id), lambda: bench.built(bench.wrong_params()).delete(remote_id)):
        with pytest.raises(ProviderFailed) as caught:
            act()
        told += [str(caught.value), repr(caught.value)]

    assert [secret for secret in secrets if secret in " ".join([*told, caplog.text])] == []


def test_sixteen_threads_share_one_adapter(bench: Bench) -> None:
    uploads = [sending(bench.spooled(), file_id=f"file-mf-{number:032}") for number in range(16)]

    def live(index: int) -> str:
        remote_id = bench.provider.upload(uploads[index]).remote_id or ""
        held = bench.stored()[remote_id]
        bench.provider.delete(remote_id)
        return held

    with ThreadPoolExecutor(16) as pool:
        held = list(pool.map(live, range(16)))

    assert (held, bench.stored()) == ([DIGEST] * 16, {})
