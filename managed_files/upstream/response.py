"""http.client's answer with its head read by hand. Knows the status line and header fields, no connection.

http.client hands every head to the email parser, which took a tenth of a whole chat request's CPU.
"""

import re
from collections.abc import Iterable, Iterator
from http.client import BadStatusLine, HTTPException, HTTPResponse, LineTooLong, RemoteDisconnected
from socket import socket

from managed_files.upstream.fields import Fields

_LONGEST_LINE = 65536
_MOST_LINES = 100
_FIRST_FINAL = 200  # below are interim answers: 100 Continue, 103 Early Hints
_WITHOUT_BODY = (204, 304)
_BLANK_LINE = re.compile(rb"\n\r?\n")


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
            lines = self._head()
            version, status, self.reason = _status(next(lines, ""))
            self.fields = _fields(lines)
        self._begun, self.status = True, status
        self._set_framing(version)

    def _head(self) -> Iterator[str]:
        """The lines before the blank one; cut at once where the whole head has arrived, as it nearly always has."""
        blank = _BLANK_LINE.search(self.fp.peek(1))
        if blank is None:
            return iter(self._line, "")
        return iter(self.fp.read(blank.end()).decode("latin-1").split("\n")[:-2])

    def _line(self) -> str:
        line = self.fp.readline(_LONGEST_LINE + 1)
        if len(line) > _LONGEST_LINE:
            raise LineTooLong("head of an answer")
        if not line:
            raise RemoteDisconnected("closed before the head was complete")
        return line.decode("latin-1").rstrip("\r\n")

    def _set_framing(self, version: str) -> None:
        """How http.client finds the end of the body, and whether the connection outlives it (RFC 9112, 6.3 and 9.3)."""
        length = self.fields.get("Content-Length", "")
        connection = self.fields.get("Connection", "").lower()
        self.chunked = self.fields.get("Transfer-Encoding", "").lower() == "chunked"
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


def _fields(lines: Iterable[str]) -> Fields:
    found: dict[str, tuple[str, str]] = {}
    key = ""
    for number, line in enumerate(lines):
        if number == _MOST_LINES:
            raise HTTPException(f"more than {_MOST_LINES} header lines")
        name, colon, value = line.partition(":")
        if line[0] in " \t":  # a folded value goes on
            name, value = found.get(key, ("", ""))
            found[key] = name, f"{value} {line.strip()}"
            continue
        if not colon:
            raise HTTPException("a header line without a colon")
        key, value = name.lower(), value.strip()
        found[key] = (name, f"{found[key][1]}, {value}") if key in found else (name, value)
    return Fields(found)
