"""The Gemini API's resumable upload over a line that breaks, and from a file that still arrives."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from managed_files.errors import LengthChanged, ProviderFailed
from managed_files.providers.gemini_files import GeminiFiles, planned_uri
from managed_files.providers.wire import Wire
from managed_files.sandbox.faults import Fault
from managed_files.sandbox.gemini import DEFAULT_KEY, GeminiSandbox
from tests.contract.benches import FILE_ID, GeminiBench, sending

MIB = 1 << 20
PATH = "/upload/v1beta/files"
SOON = {"Retry-After": "0"}
URI = planned_uri("account", FILE_ID)


class ThreeMiB(GeminiSandbox):
    """Wants chunks of which 8 MiB is no multiple."""

    def __init__(self) -> None:
        super().__init__(granularity=3 * MIB)


class ThreeMiBBench(GeminiBench):
    stand_in = ThreeMiB


@pytest.fixture
def bench() -> Iterator[GeminiBench]:
    bench = GeminiBench()
    yield bench
    bench.close()


def data_of(size: int) -> bytes:
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


def steps(bench: GeminiBench) -> list[tuple[str, str | None, int]]:
    """Command, offset and size of every request of an upload."""
    posts = [request for request in bench.sandbox.requests if request.method == "POST"]
    commands = [(post.headers["x-goog-upload-command"], post.headers.get("x-goog-upload-offset")) for post in posts]
    return [(*command, post.size) for command, post in zip(commands, posts, strict=True) if command[0] != "start"]


def after_the_start(bench: GeminiBench, **fault: Any) -> None:
    """The fault meets the second POST: the first one passes through a fault that does nothing."""
    bench.sandbox.inject(Fault("POST", PATH))
    bench.sandbox.inject(Fault("POST", PATH, **fault))


@pytest.mark.parametrize(
    ("size", "sent"),
    [
        (0, [("upload, finalize", "0", 0)]),
        (1, [("upload, finalize", "0", 1)]),
        (8 * MIB, [("upload, finalize", "0", 8 * MIB)]),
        (8 * MIB + 1, [("upload", "0", 8 * MIB), ("upload, finalize", str(8 * MIB), 1)]),
    ],
)
def test_the_last_chunk_is_the_one_that_ends(
    bench: GeminiBench, size: int, sent: list[tuple[str, str | None, int]]
) -> None:
    bench.uploaded(data_of(size))

    assert steps(bench) == sent


def test_chunks_are_what_google_asks_for() -> None:
    bench = ThreeMiBBench()
    bench.uploaded(data_of(10 * MIB))
    bench.close()

    assert steps(bench) == [("upload", "0", 9 * MIB), ("upload, finalize", str(9 * MIB), MIB)]


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503, "headers": SOON},
        {"status": 429, "headers": SOON, "read_body": False},
        {"cut": "before"},
        {"cut": "mid_body"},
        {"cut": "after_commit"},
        {"status": 200, "body": {}},
    ],
    ids=str,
)
@pytest.mark.parametrize("size", [9 * MIB, 100_000])
def test_after_a_break_it_goes_on_where_google_says(bench: GeminiBench, size: int, fault: dict[str, Any]) -> None:
    data = data_of(size)
    after_the_start(bench, **fault)

    remote_id = bench.uploaded(data)

    assert bench.stored() == {remote_id: hashlib.sha256(data).hexdigest()}


def test_what_has_arrived_is_not_sent_again(bench: GeminiBench) -> None:
    after_the_start(bench, cut="after_commit")
    bench.uploaded(data_of(9 * MIB))

    assert steps(bench) == [
        ("upload", "0", 8 * MIB),
        ("query", None, 0),
        ("upload, finalize", str(8 * MIB), MIB),
    ]


def test_a_lost_last_answer_is_asked_for(bench: GeminiBench) -> None:
    after_the_start(bench, cut="after_commit")
    copy = bench.provider.upload(sending(bench.spooled(b"x")))

    asked = [request.path for request in bench.sandbox.requests if request.method == "GET"]
    assert (steps(bench), asked, bench.sandbox.files[copy.stored_id].bytes) == (
        [("upload, finalize", "0", 1), ("query", None, 0)],
        [f"/v1beta/files/{copy.stored_id.rpartition('/')[2]}"],
        1,
    )


@pytest.mark.parametrize(
    "refused", [{"method": "POST", "path": PATH}, {"method": "GET", "path": "/v1beta/files/"}], ids=["query", "get"]
)
def test_a_refusal_after_a_lost_last_answer_leaves_it_open(bench: GeminiBench, refused: dict[str, str]) -> None:
    after_the_start(bench, cut="after_commit")
    bench.sandbox.inject(Fault(**refused, status=403))

    with pytest.raises(ProviderFailed) as caught:
        bench.uploaded(b"x")

    assert (caught.value.upstream_status, caught.value.ambiguous, len(bench.stored())) == (403, True, 1)


@pytest.mark.parametrize(("status", "attempts"), [(403, 1), (404, 1), (503, 5)])
def test_in_the_end_it_gives_up_and_cancels(bench: GeminiBench, status: int, attempts: int) -> None:
    bench.sandbox.inject(Fault("POST", PATH))
    bench.sandbox.inject(Fault("POST", PATH, status=status, headers=SOON, times=None))

    with pytest.raises(ProviderFailed) as caught:
        bench.uploaded()

    commands = [command for command, _, _ in steps(bench)]
    expected = ["upload, finalize", *["query"] * (attempts - 1), "cancel"]
    assert (caught.value.upstream_status, commands, bench.stored()) == (status, expected, {})


def test_pauses_grow(bench: GeminiBench) -> None:
    pauses: list[float] = []
    wire = Wire("gemini", bench.upstream, 10)
    files = GeminiFiles(bench.sandbox.url, wire, lambda: {"x-goog-api-key": DEFAULT_KEY}, pauses.append)
    session = files.begin(URI, "a.pdf", "application/pdf", bench.spooled(b"x"), 1)
    bench.sandbox.inject(Fault("POST", PATH, status=503, times=None))

    with pytest.raises(ProviderFailed):
        session.send()

    assert [least <= pause <= least * 1.25 for least, pause in zip((0.5, 1, 2, 4), pauses, strict=True)] == [True] * 4


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"X-Goog-Upload-Status": "cancelled"}, "the status 'cancelled' of a running upload"),
        ({"X-Goog-Upload-Status": "active"}, "'' bytes received"),
        ({"X-Goog-Upload-Status": "active", "X-Goog-Upload-Size-Received": "10"}, "'10' bytes received"),
    ],
    ids=str,
)
def test_an_answer_that_makes_no_sense_ends_it(bench: GeminiBench, headers: dict[str, str], message: str) -> None:
    after_the_start(bench, status=503, headers=SOON)
    bench.sandbox.inject(Fault("POST", PATH, status=200, headers=headers, body=b""))

    with pytest.raises(ProviderFailed, match=message):
        bench.uploaded(b"three")


def test_a_start_without_an_address_is_a_failure(bench: GeminiBench) -> None:
    bench.sandbox.inject(Fault("POST", PATH, status=200, body={}))

    with pytest.raises(ProviderFailed, match="no address"):
        bench.uploaded()


def test_an_unknown_length_is_waited_for(bench: GeminiBench) -> None:
    spool = bench.growing()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(bench.provider.upload, sending(spool))
        spool.write(data_of(5))
        before = len(bench.sandbox.requests)
        spool.finish()
        running.result()

    assert (before, bench.sandbox.requests[0].headers["x-goog-upload-header-content-length"]) == (0, "5")


def test_a_file_that_is_not_as_long_as_was_told_is_not_sent(bench: GeminiBench) -> None:
    wire = Wire("gemini", bench.upstream, 10)
    files = GeminiFiles(bench.sandbox.url, wire, lambda: {"x-goog-api-key": DEFAULT_KEY})
    session = files.begin(URI, "a.pdf", "application/pdf", bench.spooled(b"three"), 2)

    with pytest.raises(LengthChanged):
        session.send()

    assert steps(bench) == []
