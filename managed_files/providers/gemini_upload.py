"""The Gemini API's resumable upload: one session of a known number of bytes. Knows no file, and not where it begins.

Every step is a POST to the session's address, which needs no key. Source: google-genai, and Google's `X-Goog-Upload-*`
headers as its media servers document them.
"""

from collections.abc import Callable
from typing import Any

from requests import Response

from managed_files.errors import GatewayError, LengthChanged
from managed_files.providers.resumable import Resumable
from managed_files.providers.wire import Wire
from managed_files.records import Reader, Source
from managed_files.slices import Slice

_CHUNK = 8 << 20
_GRANULARITY = 256 << 10  # where the provider does not tell its own


class GeminiUpload(Resumable):
    """`size`: bytes, told at the start already. `file`: the stored file as the last answer tells it, if it arrived.

    `granularity`: the text of the header that says of how many bytes all chunks but the last have to be a multiple.
    """

    def __init__(
        self, url: str, size: int, granularity: str, wire: Wire, source: Source, pause: Callable[[float], object]
    ):
        super().__init__(url, wire, source, pause)
        self._size = size
        self._unit = (int(granularity) if granularity.isdecimal() else 0) or _GRANULARITY
        self._most = -(-_CHUNK // self._unit) * self._unit
        self.file: dict[str, Any] | None = None

    def cancel(self) -> None:
        """Best effort, because the error that led here is the one to tell; Google drops a session by itself."""
        try:
            self._post("cancel")
        except GatewayError:
            return

    def _open(self) -> Reader:
        """The size has been told, so it must still be that: the cursor notices what changes after this moment."""
        reader = super()._open()
        if self._source.size() != self._size:
            raise LengthChanged("The file did not have the length that the request promised.", param="file")
        return reader

    def _ask(self) -> None:
        answer = self._post("query")
        match answer.headers.get("X-Goog-Upload-Status"):
            case "final":
                self._complete = True
            case "active":
                self._stored = self._received(answer)
            case other:
                raise self._wire.nonsense(f"the status {other!r} of a running upload")

    def _send_chunk(self, reader: Reader) -> int:
        """Waits for the whole chunk before it is announced, lest the provider give up on a slow client."""
        start = self._stored
        size = min(self._size - start, self._most - start % self._unit)  # a break may have left part of a unit
        reader.available(size)
        last = start + size == self._size
        body = Slice(reader, size) if size else b""
        answer = self._post("upload, finalize" if last else "upload", body, {"X-Goog-Upload-Offset": str(start)})
        status = answer.headers.get("X-Goog-Upload-Status")
        if status != ("final" if last else "active"):
            raise self._wire.nonsense(f"the upload status {status!r} to a chunk", retryable=True)
        self._stored += size
        if last:
            self._complete, self.file = True, _file(answer)
        return size

    def _post(self, command: str, body: Slice | bytes = b"", headers: dict[str, str] | None = None) -> Response:
        headers = {"X-Goog-Upload-Command": command, **(headers or {})}
        return self._wire.send("POST", self._url, headers=headers, body=body)

    def _received(self, answer: Response) -> int:
        told = answer.headers.get("X-Goog-Upload-Size-Received", "")
        if not told.isdecimal() or int(told) > self._size:
            raise self._wire.nonsense(f"{told!r} bytes received of an upload of {self._size}")
        return int(told)


def _file(answer: Response) -> dict[str, Any] | None:
    """The File resource of `{"file": {…}}`."""
    try:
        told = answer.json()["file"]
    except (ValueError, KeyError, TypeError):
        return None
    return told if isinstance(told, dict) else None
