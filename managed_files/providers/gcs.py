"""Cloud Storage's JSON API: objects in one bucket, sent by resumable upload. Knows no AI provider.

Source: https://cloud.google.com/storage/docs/performing-resumable-uploads and the API's discovery document.
"""

import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from urllib.parse import quote

from requests import Response

from managed_files.errors import GatewayError, ProviderFailed
from managed_files.providers.wire import Wire
from managed_files.records import Reader, Source, Upload
from managed_files.slices import Slice

_UNIT = 256 * 1024  # what is stored before the last chunk must be a multiple of it
_CHUNK = 32 * _UNIT
_ATTEMPTS = 5  # in a row without a byte of progress
_LONGEST_PAUSE = 32.0
_RESUME_INCOMPLETE = 308
_CANCELLED = 499


class Bucket:
    """Objects named `<prefix>/<file id>/<filename>`. `headers` gives the current credentials."""

    def __init__(
        self,
        endpoint: str,
        location: str,
        wire: Wire,
        headers: Callable[[], dict[str, str]],
        pause: Callable[[float], object] | None = None,
    ):
        """`endpoint`: with or without a scheme, as STORAGE_EMULATOR_HOST may be. `location`: `[gs://]bucket[/prefix]`.

        `pause` waits a number of seconds between two attempts.
        """
        self._endpoint = (endpoint if "://" in endpoint else f"http://{endpoint}").rstrip("/")
        self._name, _, self._prefix = location.removeprefix("gs://").strip("/").partition("/")
        self._wire = wire
        self._headers = headers
        self._pause = pause or threading.Event().wait

    def uri(self, file_id: str, filename: str) -> str:
        """`gs://bucket/…`: where the file will be. Pure."""
        return "/".join(part for part in (f"gs://{self._name}", self._prefix, file_id, filename) if part)

    def store(self, uri: str, upload: Upload) -> None:
        """Sends the file as it arrives. A failure cancels what is half sent."""
        session = self._begun(uri, upload.mime_type)
        try:
            _Session(session, self._wire, upload.source, self._pause).send()
        except BaseException:
            self._cancel(session)
            raise

    def delete(self, uri: str) -> None:
        """204, or 404 when it is gone already."""
        self._wire.send("DELETE", self._object(uri), headers=self._headers(), accept=(404,))

    def content(self, uri: str) -> Iterator[bytes]:
        """The object's bytes in pieces."""
        return self._wire.download(f"{self._object(uri)}?alt=media", headers=self._headers())

    def _begun(self, uri: str, mime_type: str) -> str:
        """The session's address. It is a credential of its own: whoever has it may write the object."""
        bucket, name = _split(uri)
        metadata = json.dumps({"name": name, "contentType": mime_type}).encode()
        headers = {
            **self._headers(),
            "Content-Type": "application/json; charset=UTF-8",
            "X-Upload-Content-Type": mime_type,
        }
        url = f"{self._endpoint}/upload/storage/v1/b/{quote(bucket, safe='')}/o?uploadType=resumable"
        session = self._wire.send("POST", url, headers=headers, body=metadata).headers.get("Location")
        if not session:
            raise self._wire.nonsense("no Location for a resumable upload")
        return str(session)

    def _cancel(self, session: str) -> None:
        """Best effort, because the first error is the one to tell; Google drops a session after a week by itself."""
        try:
            self._wire.send("DELETE", session, headers={"Content-Length": "0"}, accept=(_CANCELLED, 404, 410))
        except GatewayError:
            return

    def _object(self, uri: str) -> str:
        bucket, name = _split(uri)
        return f"{self._endpoint}/storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"


class _Session:
    """One resumable upload, from its first byte to its last, over as many attempts as it takes."""

    def __init__(self, url: str, wire: Wire, source: Source, pause: Callable[[float], object]):
        self._url = url
        self._wire = wire
        self._source = source
        self._pause = pause
        self._stored = 0
        self._complete = False

    def send(self) -> None:
        """After a 429, a 5xx or a cut it asks what arrived, and goes on from there with a fresh cursor."""
        failures = 0
        while not self._complete:
            before = self._stored
            try:
                if failures:
                    self._note(self._put(b"", "*/*"))
                self._send_rest()
            except ProviderFailed as failure:
                failures = 1 if self._stored > before else failures + 1
                if not failure.retryable or failures == _ATTEMPTS:
                    raise
                self._pause(_seconds(failure.retry_after, failures))

    def _send_rest(self) -> None:
        position, reader = self._stored, self._source.open(self._stored)
        while not self._complete:
            if self._stored != position:  # fewer bytes were kept than were sent
                position, reader = self._stored, self._source.open(self._stored)
            position += self._send_chunk(reader)

    def _send_chunk(self, reader: Reader) -> int:
        """Looks one byte further than the chunk: only so is it known to be the last one when it is sent."""
        start = self._stored
        most = _CHUNK - start % _UNIT  # a cut may have left part of a unit
        ahead = reader.available(most + 1)
        size = min(ahead, most)
        total = "*" if ahead > most else str(start + size)
        span = f"{start}-{start + size - 1}" if size else "*"
        self._note(self._put(Slice(reader, size) if size else b"", f"{span}/{total}"))
        if not self._complete and self._stored <= start:
            raise self._wire.nonsense("a 308 that keeps nothing of a chunk", retryable=True)
        return size

    def _put(self, body: Slice | bytes, content_range: str) -> Response:
        headers = {"Content-Range": f"bytes {content_range}"}
        return self._wire.send("PUT", self._url, headers=headers, body=body, accept=(_RESUME_INCOMPLETE,))

    def _note(self, answer: Response) -> None:
        """308 tells in `Range: bytes=0-n` what is kept, and without that header that nothing is."""
        self._complete = answer.status_code != _RESUME_INCOMPLETE
        kept = re.fullmatch(r"bytes=0-(\d+)", answer.headers.get("Range", ""))
        self._stored = int(kept[1]) + 1 if kept else 0


def _split(uri: str) -> tuple[str, str]:
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return bucket, name


def _seconds(retry_after: str | None, failures: int) -> float:
    """As long as the provider asks, else 0.25 s · 2ⁿ; with jitter, so that a crowd does not come back at once."""
    asked = float(retry_after) if retry_after and retry_after.isdigit() else 0.25 * 2.0**failures
    return min(asked, _LONGEST_PAUSE) * random.uniform(1.0, 1.25)  # noqa: S311 - no secret
