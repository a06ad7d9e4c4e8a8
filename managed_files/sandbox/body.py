"""The body of a request, read as a stream: of known length or chunked. Knows the standard library only."""

import json
from collections.abc import Callable, Iterator
from http.client import HTTPMessage
from io import BufferedReader
from typing import Any

PIECE = 65536  # larger pieces make the multipart parser several times slower
LINE = 65536


class ClientGone(Exception):
    """The request's body ended before it was complete."""


class BadRequest(Exception):
    """Not HTTP/1.1 as a strict server reads it."""


class Body:
    """The request's body, read once. Each piece passes through the `taps` before the handler sees it."""

    def __init__(self, stream: BufferedReader, headers: HTTPMessage, before_reading: Callable[[], None]):
        self._stream = stream
        self._before_reading: Callable[[], None] | None = before_reading
        self._chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
        self.length = None if self._chunked else _number(headers.get("Content-Length", "0"), 10)
        self._left = self.length or 0
        self.ended = not self._chunked and self._left == 0
        self.taps: list[Callable[[bytes], None]] = []

    def read(self, size: int = PIECE) -> bytes:
        """At least one byte and at most `size`, b"" at the end. Raises ClientGone on a body that is cut short."""
        if self.ended:
            return b""
        if self._before_reading is not None:
            self._before_reading()
            self._before_reading = None
        if self._chunked and self._left == 0 and not self._next_chunk():
            return b""
        data = self._stream.read1(min(size, self._left))
        if not data:
            raise ClientGone
        self._left -= len(data)
        self._close_piece()
        for tap in self.taps:
            tap(data)
        return data

    def _next_chunk(self) -> bool:
        line = self._stream.readline(LINE)
        if not line.endswith(b"\n"):
            raise ClientGone
        self._left = _number(line.decode("latin-1").split(";")[0].strip(), 16)
        if self._left == 0:
            while self._stream.readline(LINE).strip():
                pass  # trailers
            self.ended = True
        return not self.ended

    def _close_piece(self) -> None:
        if self._left:
            return
        if not self._chunked:
            self.ended = True
        elif self._stream.readline(3) != b"\r\n":
            raise ClientGone

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.read, b"")

    def all(self) -> bytes:
        return b"".join(self)

    def json(self) -> Any:
        """Raises ValueError."""
        return json.loads(self.all())


def _number(text: str, base: int) -> int:
    if not text.isalnum():
        raise BadRequest(text)
    try:
        return int(text, base)
    except ValueError as error:
        raise BadRequest(text) from error
