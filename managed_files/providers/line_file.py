"""Lines in an unlinked temporary file, for a provider that wants to know their size first. Knows no provider."""

import os
import tempfile
from collections.abc import Iterable
from types import TracebackType
from typing import Self


class LineFile:
    """A records.Source of the lines, each with its newline. Use it as a context: its end gives the disk space back."""

    def __init__(self, lines: Iterable[bytes]):
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - __exit__ ends it
        try:
            for line in lines:
                self._file.write(line + b"\n")
            self._file.flush()
        except BaseException:
            self._file.close()
            raise
        self._size = self._file.tell()

    def size(self) -> int:
        return self._size

    def wait(self) -> int:
        return self._size

    def open(self, offset: int = 0) -> "LineReader":
        return LineReader(self._file.fileno(), offset, self._size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


class LineReader:
    """One cursor, with a position of its own."""

    def __init__(self, descriptor: int, position: int, end: int):
        self._descriptor = descriptor
        self._position = position
        self._end = end

    def read(self, size: int, /) -> bytes:
        data = os.pread(self._descriptor, size, self._position)
        self._position += len(data)
        return data

    def available(self, size: int, /) -> int:
        return min(size, self._end - self._position)
