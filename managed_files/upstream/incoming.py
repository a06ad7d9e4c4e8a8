"""What arrives on a connection, and what of it was not taken yet. Knows a socket; of HTTP only how lines end."""

import re
from http.client import BadStatusLine, LineTooLong, RemoteDisconnected
from socket import socket

from managed_files.presence import Reading

_HEAD_BLOCK = 4 * 1024  # bytes asked for at once
_LINE_BLOCK = 1024  # a thousand streams that wait for their next piece hold as many buffers of this size
_LONGEST = 64 * 1024  # bytes of a head or a line
_BLANK_LINE = re.compile(rb"\n\r?\n")
_START = b"HTTP/1."


class Incoming:
    """The bytes of one answer. Raises OSError, or HTTPException for what cannot be the beginning of an answer.

    Raises ClientLeft too, if it waits on behalf of one.
    """

    def __init__(self, sock: socket):
        self._reading = Reading(sock)
        self._data = b""

    @property
    def waiting(self) -> bool:
        """Whether bytes have arrived that nobody took."""
        return bool(self._data)

    def more(self, size: int = _HEAD_BLOCK) -> None:
        """Waits until more has arrived, and takes at most `size` bytes of it."""
        piece = self._reading.recv(size)
        if not piece:
            raise RemoteDisconnected("closed in the middle of an answer")
        self._data += piece

    def head(self) -> bytes:
        """Everything up to a blank line, which is its end."""
        while (blank := _BLANK_LINE.search(self._data)) is None:
            if self._data[: len(_START)] != _START[: len(self._data)]:
                raise BadStatusLine(repr(self._data[:100]))
            self._more_of("head", _HEAD_BLOCK)
        return self._taken(blank.end())

    def line(self) -> bytes:
        """Up to a line's end, which is left out."""
        while (end := self._data.find(b"\n")) < 0:
            self._more_of("line", _LINE_BLOCK)
        return self._taken(end + 1).rstrip(b"\r\n")

    def some(self, size: int) -> bytes:
        """At most `size` bytes; waits only if nothing has arrived. b"" when the other side has closed."""
        return self._taken(size) if self._data else self._reading.recv(size)

    def _more_of(self, what: str, size: int) -> None:
        if len(self._data) > _LONGEST:
            raise LineTooLong(what)
        self.more(size)

    def _taken(self, size: int) -> bytes:
        taken, self._data = self._data[:size], self._data[size:]
        return taken
