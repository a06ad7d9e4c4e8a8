"""Cloud Storage's resumable upload over a line that breaks."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest

from managed_files.errors import ProviderFailed
from managed_files.providers.gcs import Bucket
from managed_files.providers.google_credentials import GoogleCredentials
from managed_files.providers.wire import Wire
from managed_files.sandbox.faults import Fault
from tests.contract.benches import VertexAIBench, sending

MIB = 1 << 20
PATH = "/upload/storage/v1/b/sandbox-bucket/o"


@pytest.fixture
def bench() -> Iterator[VertexAIBench]:
    bench = VertexAIBench()
    yield bench
    bench.close()


def data_of(size: int) -> bytes:
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


def requests_of(bench: VertexAIBench, method: str) -> list[str]:
    return [r.headers.get("content-range", "") for r in bench.sandbox.requests if r.method == method]


@pytest.mark.parametrize(
    ("size", "ranges"),
    [
        (0, ["bytes */0"]),
        (1, ["bytes 0-0/1"]),
        (8 * MIB, ["bytes 0-8388607/8388608"]),
        (8 * MIB + 1, ["bytes 0-8388607/*", "bytes 8388608-8388608/8388609"]),
    ],
)
def test_only_the_last_chunk_tells_the_total(bench: VertexAIBench, size: int, ranges: list[str]) -> None:
    bench.uploaded(data_of(size))

    assert requests_of(bench, "PUT") == ranges


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503, "headers": {"Retry-After": "0"}},
        {"status": 429, "headers": {"Retry-After": "0"}, "read_body": False},
        {"cut": "before"},
        {"cut": "mid_body"},
        {"cut": "after_commit"},
    ],
    ids=str,
)
def test_after_a_break_it_goes_on_where_it_stopped(bench: VertexAIBench, fault: dict[str, Any]) -> None:
    data = data_of(9 * MIB)
    bench.sandbox.inject(Fault("PUT", PATH, **fault))

    remote_id = bench.uploaded(data)

    assert bench.stored() == {remote_id: hashlib.sha256(data).hexdigest()}


def test_a_lost_last_answer_is_asked_for_again(bench: VertexAIBench) -> None:
    bench.sandbox.inject(Fault("PUT", PATH, cut="after_commit"))
    bench.uploaded(b"x")

    assert requests_of(bench, "PUT") == ["bytes 0-0/1", "bytes */*"]


def test_a_refusal_after_a_lost_last_answer_leaves_it_open(bench: VertexAIBench) -> None:
    bench.sandbox.inject(Fault("PUT", PATH, cut="after_commit"))
    bench.sandbox.inject(Fault("PUT", PATH, status=403))

    with pytest.raises(ProviderFailed) as caught:
        bench.uploaded(b"x")

    assert (caught.value.upstream_status, caught.value.ambiguous, len(bench.stored())) == (403, True, 1)


@pytest.mark.parametrize(("status", "attempts"), [(403, 1), (404, 1), (503, 5)])
def test_in_the_end_it_gives_up_and_cancels(bench: VertexAIBench, status: int, attempts: int) -> None:
    bench.sandbox.inject(Fault("PUT", PATH, status=status, headers={"Retry-After": "0"}, times=None))

    with pytest.raises(ProviderFailed) as caught:
        bench.uploaded()

    seen = caught.value.upstream_status, len(requests_of(bench, "PUT")), len(requests_of(bench, "DELETE"))
    assert (*seen, bench.stored()) == (status, attempts, 1, {})


def test_a_server_that_keeps_nothing_does_not_hold_us_for_ever(bench: VertexAIBench) -> None:
    bench.sandbox.inject(Fault("PUT", PATH, status=308, body=b"", times=None))
    pauses: list[float] = []
    headers = GoogleCredentials(bench.sandbox.service_account_info(), "gcs", bench.upstream).headers
    bucket = Bucket(bench.sandbox.url, bench.sandbox.bucket, Wire("gcs", bench.upstream, 10), headers, pauses.append)

    with pytest.raises(ProviderFailed, match="a 308 that keeps nothing"):
        bucket.store(bucket.uri("file-1", "a.pdf"), sending(bench.spooled()))

    assert [least <= pause <= least * 1.25 for least, pause in zip((0.5, 1, 2, 4), pauses, strict=True)] == [True] * 4


def test_a_missing_location_is_a_failure(bench: VertexAIBench) -> None:
    bench.sandbox.inject(Fault("POST", PATH, status=200, body={}))

    with pytest.raises(ProviderFailed, match="no Location"):
        bench.uploaded()


def test_the_object_has_the_name_and_type_of_the_file(bench: VertexAIBench) -> None:
    bench.provider.upload(sending(bench.spooled(), filename="ü x+y.pdf"))

    stored = next(iter(bench.sandbox.objects.values()))
    assert (stored.name, stored.content_type) == (f"shared/file-mf-{'a' * 32}/ü x+y.pdf", "application/pdf")
