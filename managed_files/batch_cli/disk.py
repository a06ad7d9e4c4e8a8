"""The files of this machine that the command reads and writes. Knows no batch."""

import os
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from managed_files.errors import InvalidRequest


@contextmanager
def read(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """A file and its size in bytes. Raises InvalidRequest."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}.") from error
    with file:
        yield file, os.fstat(file.fileno()).st_size


@contextmanager
def gathered(pieces: Iterable[bytes]) -> Iterator[tuple[BinaryIO, int]]:
    """A temporary file of the pieces, which are not in memory together, and its size in bytes. InvalidRequest."""
    with TemporaryFile() as file:
        try:
            file.writelines(pieces)
            size = file.tell()
            file.seek(0)
        except OSError as error:
            raise InvalidRequest(f"The lines cannot be kept in a temporary file: {error.strerror}.") from error
        yield file, size


@contextmanager
def written(path: str | None) -> Iterator[BinaryIO]:
    """Where to write to: standard output for None and `-`, else a file that appears once it is complete.

    Raises InvalidRequest if the disk does not take it.
    """
    if path in (None, "-"):
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with _file(Path(path or "").resolve()) as file:
            yield file
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be written: {error.strerror}.") from error


@contextmanager
def _file(path: Path) -> Iterator[BinaryIO]:
    if path.exists() and not path.is_file():  # a pipe or a device: to be written to, not to be replaced
        with path.open("wb") as file:
            yield file
        return
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
