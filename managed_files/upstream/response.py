"""http.client's answer with its head read by hand. Knows the status line and header fields, no connection.

http.client hands every head to the email parser, which took a tenth of a whole chat request's CPU.
"""

import re
from collections.abc import Iterator, Sequence
from http.client import BadStatusLine, HTTPException, HTTPResponse, LineTooLong, RemoteDisconnected
from socket import socket

from managed_files.upstream.fields import Fields

_LONGEST_LINE = 65536
_MOST_LINES = 100
_FIRST_FINAL = 200  # below are interim answers: 100 Continue, 103 Early Hints
_WITHOUT_BODY = (204, 304)
_BLANK_LINE = re.compile(rb"\n\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")  # a value that goes on in the next line (RFC 9112, 5.2)

Found = dict[str, tuple[str, str]]  # name and value by the name in lower case


class HeadResponse(HTTPResponse):
    """`fields`: the header fields, those that came more than once joined by commas (RFC 9110, 5.3)."""

    fields: Fields

    def __init__(self, sock: socket, method: str):
        super().__init__(sock, method=method)
        self._bodiless = method == "HEAD"
        self._begun = False

    def begin(self) -> None:
        """Reads the first final head, once. Raises OSError, HTTPException or ValueError."""
        if self._begun:
            return
        status = 0
        while status < _FIRST_FINAL:
            lines = _FOLD.sub(" ", self._head()).split("\n")
            version, status, self.reason = _status(lines[0])
            found = _fields(lines[1:-2])  # but for the blank line, and the nothing behind it
        self._begun, self.status, self.fields = True, status, Fields(found)
        self._set_framing(version, found)

    def _head(self) -> str:
        """Up to the blank line; read at once where the whole head has arrived, as it nearly always has."""
        blank = _BLANK_LINE.search(self.fp.peek(1))
        return self.fp.read(blank.end()).decode("latin-1") if blank else "".join(self._lines())

    def _lines(self) -> Iterator[str]:
        """One by one, as they arrive."""
        for _ in range(_MOST_LINES + 2):
            line = self.fp.readline(_LONGEST_LINE + 1)
            if len(line) > _LONGEST_LINE:
                raise LineTooLong("head of an answer")
            if not line:
                raise RemoteDisconnected("closed before the head was complete")
            yield line.decode("latin-1")
            if not line.strip(b"\r\n"):
                return
        raise _too_many()

    def _set_framing(self, version: str, found: Found) -> None:
        """How http.client finds the end of the body, and whether the connection outlives it (RFC 9112, 6.3 and 9.3)."""
        length = _value(found, "content-length")
        connection = _value(found, "connection").lower()
        self.chunked = _value(found, "transfer-encoding").lower() == "chunked"
        self.chunk_left = None
        self.length = int(length) if length.isdecimal() and not self.chunked else None
        if self._bodiless or self.status in _WITHOUT_BODY:
            self.length = 0
        ends_by_closing = not self.chunked and self.length is None
        stays_open = "keep-alive" in connection if version == "HTTP/1.0" else "close" not in connection
        self.will_close = ends_by_closing or not stays_open


def _status(line: str) -> tuple[str, int, str]:
    """Version, code and reason."""
    version, _, rest = line.strip().partition(" ")
    code, _, reason = rest.strip().partition(" ")
    if not version.startswith("HTTP/1.") or len(code) != 3 or not code.isdecimal() or code < "100":
        raise BadStatusLine(line)
    return version, int(code), reason.strip()


def _fields(lines: Sequence[str]) -> Found:
    if len(lines) > _MOST_LINES:
        raise _too_many()
    found: Found = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise HTTPException("a header line without a colon")
        key, value = name.lower(), value.strip()
        found[key] = (name, f"{found[key][1]}, {value}" if key in found else value)
    return found


def _too_many() -> HTTPException:
    return HTTPException(f"more than {_MOST_LINES} header lines")


def _value(found: Found, key: str) -> str:
    return found[key][1] if key in found else ""
