"""One answer as it comes over a connection: its head, and where its body ends (RFC 9112, 6 and 7). Knows no pool."""

import re
from http.client import HTTPException, IncompleteRead
from socket import socket

from managed_files.upstream.fields import Fields
from managed_files.upstream.head import Head, parsed
from managed_files.upstream.incoming import Incoming

_FIRST_FINAL = 200  # below are interim answers: 100 Continue, 103 Early Hints
_WITHOUT_BODY = (204, 304)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?").fullmatch


class Answer:
    """Methods raise OSError, HTTPException or ValueError. `ended`: nothing of the body is left."""

    status: int
    reason: str
    fields: Fields
    will_close: bool

    def __init__(self, sock: socket, method: str):
        self.incoming = Incoming(sock)
        self.ended = False
        self._bodiless = method == "HEAD"
        self._begun = False
        self._chunked = False
        self._left: int | None = None  # bytes of the body, or of its chunk; None: as many as come

    def begin(self) -> None:
        """Reads the first final head, once."""
        if self._begun:
            return
        head = parsed(self.incoming.head())
        while head.status < _FIRST_FINAL:
            head = parsed(self.incoming.head())
        self._begun, self.status, self.reason, self.fields = True, head.status, head.reason, Fields(head.found)
        self._set_framing(head)

    def read1(self, size: int) -> bytes:
        """What has arrived, at most `size` bytes; waits only if nothing has. b"" at the end."""
        if self._chunked and not self._left and not self.ended:
            self._next_chunk()
        if self.ended:
            return b""
        piece = self.incoming.some(size if self._left is None else min(size, self._left))
        if self._left is None:
            self.ended = not piece
        elif piece:
            self._left -= len(piece)
            self.ended = not (self._left or self._chunked)
        else:
            raise IncompleteRead(b"", self._left)
        return piece

    @property
    def reusable(self) -> bool:
        """Whether its connection can serve again: both sides agree on that, and on where the answer ended."""
        return self.ended and not self.will_close and not self.incoming.waiting

    def _set_framing(self, head: Head) -> None:
        length, connection = _once(head.value("content-length")), head.value("connection").lower()
        bodiless = self._bodiless or self.status in _WITHOUT_BODY
        self._chunked = head.value("transfer-encoding").lower() == "chunked"
        if length.isdecimal() and not self._chunked:
            self._left = int(length)
        self.ended = bodiless or self._left == 0
        ends_by_closing = not bodiless and not self._chunked and self._left is None
        stays_open = "keep-alive" in connection if head.version == "HTTP/1.0" else "close" not in connection
        self.will_close = ends_by_closing or not stays_open

    def _next_chunk(self) -> None:
        if self._left == 0:
            self.incoming.line()  # the one that ends the chunk before
        size = _CHUNK(self.incoming.line())
        if size is None:
            raise HTTPException("a chunk without a size")
        self._left = int(size[1], 16)
        if not self._left:
            while self.incoming.line():  # trailers
                pass
            self.ended = True


def _once(length: str) -> str:
    """A length that came twice, as a proxy may repeat it, is one; two lengths are none (RFC 9110, 8.6)."""
    told = {part.strip() for part in length.split(",")}
    if len(told) > 1:
        raise HTTPException("more than one Content-Length")
    return told.pop()
