"""One writer, readers that follow it, and every way in which the bytes can stop coming."""

import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.errors import LengthChanged, SpoolBroken, Unavailable
from managed_files.records import Reader
from managed_files.slices import Slice
from managed_files.spool import Spool

T = TypeVar("T")


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


@pytest.fixture
def spool() -> Iterator[Spool]:
    with Spool() as spool:
        yield spool


def read_all(reader: Reader | Slice, size: int = 7) -> bytes:
    return b"".join(iter(lambda: reader.read(size), b""))


def error_of(call: Callable[[], object]) -> type[BaseException] | None:
    try:
        call()
    except Exception as error:
        return type(error)
    return None


def test_facts_of_a_finished_spool(spool: Spool) -> None:
    data = bytes(range(256)) * 64
    spool.write(data[:5])
    spool.write(data[5:])
    spool.finish()
    facts = (spool.size(), spool.wait(), spool.sha256, spool.head, read_all(spool.open(), 5000))
    assert facts == (16384, 16384, hashlib.sha256(data).digest(), data[:8192], data)


def test_reader_follows_the_writer(spool: Spool, threads: ThreadPoolExecutor) -> None:
    readers = [threads.submit(read_all, spool.open(offset)) for offset in (0, 0, 3, 50)]
    for piece in (b"abc", b"", b"defghijkl", b"m"):
        spool.write(piece)
    spool.finish()
    assert [reader.result() for reader in readers] == [b"abcdefghijklm", b"abcdefghijklm", b"defghijklm", b""]


def test_empty_file(spool: Spool) -> None:
    spool.finish()
    assert (spool.wait(), spool.open().read(9), spool.open().available(9)) == (0, b"", 0)


@settings(deadline=None, max_examples=60)
@given(
    pieces=st.lists(st.binary(max_size=40), max_size=8),
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    promised=st.booleans(),
)
def test_every_interleaving_reads_the_same_bytes(pieces: list[bytes], sizes: list[int], promised: bool) -> None:
    data = b"".join(pieces)
    with ThreadPoolExecutor(4) as threads, Spool(len(data) if promised else None) as spool:
        readers = [threads.submit(read_all, spool.open(), size) for size in sizes]
        for piece in pieces:
            spool.write(piece)
        spool.finish()
        assert [reader.result() for reader in readers] == [data] * len(sizes)


def test_promised_size_is_told_until_the_true_one_is_known() -> None:
    with Spool(expected=5) as spool:
        before = spool.size()
        spool.write(b"abc")
        spool.finish()
        assert (before, spool.size()) == (5, 3)


def test_last_promised_byte_is_kept_back_until_the_end() -> None:
    with Spool(expected=3) as spool:
        reader = spool.open()
        spool.write(b"abc")
        before = reader.read(9)
        spool.finish()
        assert (before, reader.read(9), reader.read(9)) == (b"ab", b"c", b"")


def test_more_bytes_than_promised_stop_the_reader_at_once() -> None:
    with Spool(expected=3) as spool:
        reader = spool.open()
        spool.write(b"abcd")
        assert (error_of(lambda: reader.read(1)), spool.size()) == (LengthChanged, None)


def test_fewer_bytes_than_promised_stop_a_waiting_reader(threads: ThreadPoolExecutor) -> None:
    with Spool(expected=3) as spool:
        spool.write(b"ab")
        reading = threads.submit(read_all, spool.open())
        spool.finish()
        assert isinstance(reading.exception(), LengthChanged)


def test_reader_opened_after_the_end_has_no_promise_to_keep() -> None:
    with Spool(expected=3) as spool:
        spool.write(b"abcd")
        spool.finish()
        assert read_all(spool.open()) == b"abcd"


def test_available_waits_for_a_whole_chunk_or_the_end(spool: Spool, threads: ThreadPoolExecutor) -> None:
    reader = spool.open()
    chunk = threads.submit(reader.available, 4)
    spool.write(b"ab")
    spool.write(b"cdef")
    first = (chunk.result(), reader.read(4))
    rest = threads.submit(reader.available, 4)
    spool.finish()
    assert (first, rest.result()) == ((4, b"abcd"), 2)


def test_fail_ends_readers_waiters_and_the_writer(spool: Spool, threads: ThreadPoolExecutor) -> None:
    blocked: list[Callable[[], object]] = [
        lambda: read_all(spool.open()),
        lambda: spool.open().available(9),
        spool.wait,
    ]
    running = [threads.submit(error_of, call) for call in blocked]
    spool.fail("The client went away.")
    errors = [each.result() for each in running] + [error_of(lambda: spool.write(b"x"))]
    assert errors == [SpoolBroken] * 4


def test_first_reason_stays_even_after_the_end(spool: Spool) -> None:
    spool.finish()
    spool.fail("first")
    spool.fail("second")
    with pytest.raises(SpoolBroken, match=r"^first$"):
        spool.open().read(1)


def test_close_ends_every_use_and_may_be_repeated(spool: Spool) -> None:
    spool.write(b"abc")
    spool.finish()
    reader = spool.open()
    spool.close()
    spool.close()
    assert [error_of(lambda: reader.read(1)), error_of(lambda: spool.write(b"x"))] == [SpoolBroken, SpoolBroken]


def test_close_never_lets_a_reader_see_another_files_bytes(threads: ThreadPoolExecutor) -> None:
    def read_until_closed(spool: Spool) -> set[bytes]:
        seen = {spool.open().read(100)}
        while error_of(lambda: seen.add(spool.open().read(100))) is None:
            pass
        return seen

    seen = set[bytes]()
    for _ in range(50):
        spool = Spool()
        spool.write(b"ours" * 25)
        spool.finish()
        readers = [threads.submit(read_until_closed, spool) for _ in range(3)]
        spool.close()
        with Spool() as other:  # takes the descriptor's number as soon as it is free
            other.write(b"them" * 25)
            seen |= {data for reader in readers if not reader.exception() for data in reader.result()}
    assert seen <= {b"ours" * 25}


def test_full_disk_is_said_to_the_client_and_the_readers(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", no_room)
    assert [error_of(lambda: spool.write(b"x")), error_of(lambda: spool.open().read(1))] == [Unavailable, SpoolBroken]


def test_where_no_file_can_be_made_the_gateway_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nothing"))
    assert error_of(Spool) is Unavailable


def test_slice_is_one_body_of_known_length(spool: Spool) -> None:
    spool.write(b"abcdefgh")
    spool.finish()
    reader = spool.open(2)
    body = Slice(reader, 4)
    assert (len(body), body.read(3), body.read(3), body.read(3), reader.read(9)) == (4, b"cde", b"f", b"", b"gh")


def test_slice_that_cannot_be_filled_is_an_error(spool: Spool) -> None:
    spool.write(b"ab")
    spool.finish()
    assert error_of(lambda: read_all(Slice(spool.open(), 3))) is LengthChanged
