"""The files of this machine that the command reads and writes. Knows no batch."""

import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from managed_files.errors import InvalidRequest

_PIECE = 64 * 1024


@contextmanager
def read(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """A file, `-` for standard input, and its size in bytes. Raises InvalidRequest."""
    try:
        file = Path("/dev/stdin" if str(path) == "-" else path).open("rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}.") from error
    with file, ExitStack() as stack:
        found = os.fstat(file.fileno())
        if stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode):  # its size is known at its end
            yield stack.enter_context(gathered(iter(lambda: file.read(_PIECE), b"")))
        else:
            yield file, found.st_size


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
    standard = path in (None, "-")
    try:
        with _standard_output() if standard else _file(Path(path or "").resolve()) as file:
            yield file
    except BrokenPipeError:  # whoever reads our output has enough of it
        raise
    except OSError as error:
        what = "Standard output" if standard else path
        raise InvalidRequest(f"{what} cannot be written: {error.strerror}.") from error


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except OSError:  # what is left of it would fail once more at the end of the process
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


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
