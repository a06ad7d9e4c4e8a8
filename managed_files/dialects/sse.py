"""Server-sent events: finds them in bytes that come in any split, and writes them. Knows no provider."""

import json
import re
from typing import Any

DONE = b"data: [DONE]\n\n"
_LINE_END = re.compile(rb"\r\n|\r|\n")


class SseDecoder:
    """Incremental reader of `text/event-stream` (WHATWG HTML, section 9.2): LF, CRLF or CR end a line."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._skip_line_feed = False
        self._at_start = True

    def feed(self, data: bytes) -> list[bytes]:
        """The data of every event that these bytes complete; several `data:` lines are joined by a line feed."""
        if self._skip_line_feed and data:  # the CR before it has already ended the line
            data = data.removeprefix(b"\n")
            self._skip_line_feed = False
        if not data:
            return []
        self._skip_line_feed = data.endswith(b"\r")
        self._line += data
        if b"\n" not in data and b"\r" not in data:
            return []
        *lines, rest = _LINE_END.split(bytes(self._line))
        self._line = bytearray(rest)
        return [event for line in lines if (event := self._end_line(line)) is not None]

    def _end_line(self, line: bytes) -> bytes | None:
        if self._at_start:
            line = line.removeprefix(b"\xef\xbb\xbf")
            self._at_start = False
        if line:
            name, _, value = line.partition(b":")
            if name == b"data":  # a comment has an empty name; event, id and retry mean nothing to a chat
                self._data.append(value.removeprefix(b" "))
            return None
        event, self._data = self._data, []
        return b"\n".join(event) if event else None


def event(value: dict[str, Any]) -> bytes:
    """One event that carries JSON. ASCII only, so that lone surrogates in a provider's text cannot break the stream."""
    return b"data: " + json.dumps(value, separators=(",", ":")).encode() + b"\n\n"


def error_event(message: str, *, type: str = "provider_error", code: str | None = "stream_interrupted") -> bytes:
    """OpenAI's error envelope in mid-stream; the SDKs raise APIError on it."""
    return event({"error": {"message": message, "type": type, "param": None, "code": code}})
