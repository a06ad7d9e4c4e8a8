"""Stored bytes in temporary files, with their digests. Knows the standard library only."""

import base64
import hashlib
import tempfile
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_PIECE = 1 << 18


@dataclass(frozen=True)
class Blob:
    """Finished bytes. `path` is None when they were above the shelf's limit: then only `head` is known."""

    path: Path | None
    size: int
    sha256: str
    md5: str  # base64, as Cloud Storage tells it; "" where nobody asks for it
    head: bytes  # at most the first 1,024 bytes

    def read(self) -> bytes:
        return b"".join(self.pieces(0, self.size))

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Bytes `start` to `stop` (exclusive)."""
        if self.path is None:
            raise ValueError("these bytes were not kept")
        with self.path.open("rb") as file:
            file.seek(start)
            while start < stop and (piece := file.read(min(_PIECE, stop - start))):
                start += len(piece)
                yield piece

    def lines(self) -> Iterator[bytes]:
        """The lines one by one, without their ends; blank ones are left out."""
        if self.path is None:
            raise ValueError("these bytes were not kept")
        with self.path.open("rb") as file:
            yield from (line.rstrip(b"\r\n") for line in file if line.strip())


class Writer:
    """Takes bytes until `commit` or `discard`."""

    def __init__(self, path: Path, keep_up_to: int | None, with_md5: bool):
        self._path = path
        self._file = path.open("wb")
        self._keep_up_to = keep_up_to
        self._sha256 = hashlib.sha256()
        self._md5 = hashlib.md5(usedforsecurity=False) if with_md5 else None
        self._head = b""
        self.size = 0

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self._sha256.update(data)
        if self._md5:
            self._md5.update(data)
        if len(self._head) < 1024:
            self._head = (self._head + data)[:1024]
        if self._kept:
            self._file.write(data)

    @property
    def _kept(self) -> bool:
        return self._keep_up_to is None or self.size <= self._keep_up_to

    def commit(self) -> Blob:
        self._file.close()
        if not self._kept:
            self._path.unlink()
        md5 = base64.b64encode(self._md5.digest()).decode() if self._md5 else ""
        return Blob(self._path if self._kept else None, self.size, self._sha256.hexdigest(), md5, self._head)

    def discard(self) -> None:
        """Nothing stays. After `commit` it does nothing."""
        if not self._file.closed:
            self._file.close()
            self._path.unlink()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class Shelf:
    """A temporary folder of blobs. Files above `keep_up_to` bytes are measured but not kept."""

    def __init__(self, keep_up_to: int | None = None, *, with_md5: bool = False):
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lock = threading.Lock()
        self._keep_up_to = keep_up_to
        self._with_md5 = with_md5

    def writer(self) -> Writer:
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="sandbox-")
        return Writer(Path(self._folder.name) / uuid.uuid4().hex, self._keep_up_to, self._with_md5)

    def remove(self, blob: Blob) -> None:
        if blob.path is not None:
            blob.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Removes everything; a later `writer` begins anew."""
        with self._lock:
            folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()
