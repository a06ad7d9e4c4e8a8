"""Uploads that go on after a break: the patience that Google's protocols share, and Cloud Storage's own protocol.

Source: https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable

from requests import Response

from managed_files.errors import ProviderFailed
from managed_files.providers.wire import Wire
from managed_files.records import Reader, Source
from managed_files.slices import Slice

_UNIT = 256 * 1024  # what is stored before the last chunk must be a multiple of it
_CHUNK = 32 * _UNIT
_ATTEMPTS = 5  # in a row without a byte of progress
_LONGEST_PAUSE = 32.0
_RESUME_INCOMPLETE = 308


class Resumable(ABC):
    """One session, from its first byte to its last, over as many attempts as it takes. `pause` waits for seconds.

    A subclass knows the protocol, and keeps `_stored` (bytes that the provider has) and `_complete` up to date.
    """

    def __init__(self, url: str, wire: Wire, source: Source, pause: Callable[[float], object]):
        self._url = url
        self._wire = wire
        self._source = source
        self._pause = pause
        self._stored = 0
        self._complete = False

    @abstractmethod
    def _ask(self) -> None:
        """Asks how much has arrived."""

    @abstractmethod
    def _send_chunk(self, reader: Reader) -> int:
        """Sends what comes next; how many bytes were read for it."""

    def _open(self) -> Reader:
        """A cursor at the first byte that the provider does not have."""
        return self._source.open(self._stored)

    def send(self) -> None:
        """After a 429, a 5xx or a cut it asks what arrived, and goes on from there with a fresh cursor.

        Once an answer has been lost, the end may have come unseen: then every later failure is `ambiguous`.
        """
        failures, unseen = 0, False
        while not self._complete:
            before = self._stored
            try:
                if failures:
                    self._ask()
                self._send_rest()
            except ProviderFailed as failure:
                failures = 1 if self._stored > before else failures + 1
                failure.ambiguous = unseen = unseen or failure.ambiguous
                if not failure.retryable or failures == _ATTEMPTS:
                    raise
                self._pause(_seconds(failure.retry_after, failures))

    def _send_rest(self) -> None:
        position, reader = self._stored, self._open()
        while not self._complete:
            if self._stored != position:  # fewer bytes were kept than were sent
                position, reader = self._stored, self._open()
            position += self._send_chunk(reader)


class ResumableUpload(Resumable):
    """Cloud Storage's: the bytes may be as many as they turn out to be."""

    def _ask(self) -> None:
        self._note(self._put(b"", "*/*"))

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


def _seconds(retry_after: str | None, failures: int) -> float:
    """As long as the provider asks, else 0.25 s · 2ⁿ; with jitter, so that a crowd does not come back at once."""
    asked = float(retry_after) if retry_after and retry_after.isdigit() else 0.25 * 2.0**failures
    return min(asked, _LONGEST_PAUSE) * random.uniform(1.0, 1.25)  # noqa: S311 - no secret
