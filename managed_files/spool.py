"""The incoming bytes in an unlinked temporary file: one writer, many readers. Knows no HTTP and no provider."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from types import TracebackType
from typing import Self

from managed_files.errors import LengthChanged, SpoolBroken, Unavailable
from managed_files.slices import Slice as Slice

_HEAD_BYTES = 8 * 1024
_PIECE = 256 * 1024
_NO_ROOM = "The gateway has no room for this file now."
_WRONG_LENGTH = "The file did not have the length that the request promised."


class Spool:
    """A records.Source that one thread writes and any number of threads read, while it grows and afterwards.

    `expected`: bytes that the request promises, or None. A reader opened before the end believes that promise (it may
    stand in a Content-Length) and keeps back the last byte until the promise has come true, so that a wrong one can
    never look like a complete file at the other end. The bytes are where the system keeps temporary files (TMPDIR).
    Raises Unavailable.
    """

    def __init__(self, expected: int | None = None):
        try:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - close() ends it
        except OSError as error:
            raise Unavailable(_NO_ROOM) from error
        self._changed = Condition()
        self._expected = expected
        self._written = 0
        self._finished = False
        self._failure: str | None = None
        self._closed = False
        self._users = 0
        self._hash = hashlib.sha256()
        self._head = b""

    def write(self, data: bytes) -> None:
        """Appends. Raises SpoolBroken after fail() or close(), Unavailable when the disk takes no more."""
        with self._descriptor() as descriptor:
            self._append(descriptor, data)
        self._hash.update(data)
        if len(self._head) < _HEAD_BYTES:
            self._head += data[: _HEAD_BYTES - len(self._head)]
        with self._changed:
            self._written += len(data)
            if self._expected is not None and self._written > self._expected:
                self._expected = None
            self._changed.notify_all()

    def finish(self) -> None:
        """The last byte is in; nothing may be written after it."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def fail(self, reason: str) -> None:
        """Ends every use with SpoolBroken(reason), at once and for good, finished or not. The first reason stays."""
        with self._changed:
            self._failure = self._failure or reason
            self._changed.notify_all()

    def close(self) -> None:
        """Gives the disk space back. Whoever still reads gets SpoolBroken; calling it again does nothing."""
        with self._changed:
            self.fail("The incoming bytes are no longer kept.")
            self._closed = True
            if not self._users:
                self._file.close()

    def written(self) -> Iterator[bytes]:
        """What has been written so far, in pieces. Never waits for more."""
        end, position = self._written, 0
        while position < end:
            piece = self.read_at(position, min(end - position, _PIECE))
            position += len(piece)
            yield piece

    def size(self) -> int | None:
        """Total bytes: the true number once finished, until then the promise, if there is one."""
        with self._changed:
            return self._written if self._finished else self._expected

    def wait(self) -> int:
        """Blocks until finish() and returns the total of bytes. Raises SpoolBroken."""
        with self._changed:
            self._changed.wait_for(lambda: self._finished or self._failure is not None)
            self._check()
            return self._written

    def open(self, offset: int = 0) -> "SpoolReader":
        """A fresh cursor at `offset` bytes, bound to the promise of this moment unless the spool is finished."""
        with self._changed:
            return SpoolReader(self, offset, None if self._finished else self._expected)

    @property
    def sha256(self) -> bytes:
        """Digest (32 bytes) of what has been written so far."""
        return self._hash.digest()

    @property
    def head(self) -> bytes:
        """The first 8 KiB, as far as they are in."""
        return self._head

    def await_ready(self, position: int, promised: int | None, wanted: int) -> int:
        """Blocks until `wanted` bytes after `position` may be handed out, or the end is known; returns how many may."""
        with self._changed:
            self._changed.wait_for(lambda: self._ready(position, promised) >= wanted or self._finished)
            return self._ready(position, promised)

    def read_at(self, position: int, size: int) -> bytes:
        """`size` bytes that await_ready() said are there."""
        with self._descriptor() as descriptor:
            return os.pread(descriptor, size, position)

    def _ready(self, position: int, promised: int | None) -> int:
        self._check()
        if promised is not None and promised != self.size():
            raise LengthChanged(_WRONG_LENGTH, param="file")
        if promised is None or self._finished:
            return max(self._written - position, 0)
        return max(min(self._written, promised - 1) - position, 0)

    def _append(self, descriptor: int, data: bytes) -> None:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except OSError as error:
            self.fail("The gateway could not keep the incoming bytes.")
            raise Unavailable(_NO_ROOM) from error

    @contextmanager
    def _descriptor(self) -> Iterator[int]:
        """Counted, so that close() in another thread never pulls it away: its number may be another file's by then."""
        with self._changed:
            self._check()
            self._users += 1
        try:
            yield self._file.fileno()
        finally:
            self._release()

    def _release(self) -> None:
        with self._changed:
            self._users -= 1
            if self._closed and not self._users:
                self._file.close()

    def _check(self) -> None:
        if self._failure is not None:
            raise SpoolBroken(self._failure, param="file")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class SpoolReader:
    """One cursor. Belongs to one thread; needs no closing."""

    def __init__(self, spool: Spool, position: int, promised: int | None):
        self._spool = spool
        self._position = position
        self._promised = promised

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, at least one; b"" at the end. Raises SpoolBroken, LengthChanged."""
        ready = self._spool.await_ready(self._position, self._promised, 1)
        data = self._spool.read_at(self._position, min(size, ready))
        self._position += len(data)
        return data

    def available(self, size: int, /) -> int:
        """Blocks until `size` more bytes can be read or the end is known; returns how many can, at most `size`."""
        return min(self._spool.await_ready(self._position, self._promised, size), size)
