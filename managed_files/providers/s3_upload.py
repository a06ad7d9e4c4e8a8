"""S3's multipart upload of bytes whose number is not known yet. Knows one upload, not whose object it is."""

import html
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import quote

from requests import Response

from managed_files.errors import GatewayError, ProviderFailed
from managed_files.providers.aws_credentials import element
from managed_files.providers.wire import Wire
from managed_files.records import Reader, Source
from managed_files.slices import Slice
from managed_files.upstream import Body

PART = 8 * 1024 * 1024  # S3 takes 5 MiB to 5 GiB, and 10,000 of them: 80 GB
T = TypeVar("T")
_ATTEMPTS = 5
_LONGEST_PAUSE = 32.0
# A 200 that carries one of these is no success, but the same request may be one.
_PASSING = frozenset({"InternalError", "ServiceUnavailable", "SlowDown", "RequestTimeout"})


class Objects(ABC):
    """Signed calls to one store of objects."""

    @abstractmethod
    def call(
        self,
        method: str,
        uri: str,
        query: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Body | None = None,
        digest: str = "",
        accept: tuple[int, ...] = (),
    ) -> Response:
        """One call for the object `s3://bucket/key`. `query` is percent-encoded. Raises ProviderFailed.

        `digest`: of a body that is read while it is sent, from `digest`.
        """

    @abstractmethod
    def digest(self, source: Source, offset: int, size: int) -> str:
        """What stands in a signature for `size` bytes of the source that are there or will come."""


class MultipartUpload:
    """From the first part to the last; a part that fails is sent again from the file. `pause` waits for seconds."""

    def __init__(self, objects: Objects, uri: str, wire: Wire, source: Source, pause: Callable[[float], object]):
        self._objects = objects
        self._uri = uri
        self._wire = wire
        self._source = source
        self._pause = pause
        self._id = ""
        self._tags: list[str] = []

    def send(self, headers: Mapping[str, str]) -> None:
        """`headers`: what is kept with the object. Whatever goes wrong, no part stays behind."""
        text = self._objects.call("POST", self._uri, "uploads=", headers=headers).content
        upload_id = element(text, "UploadId")
        if not upload_id:
            raise self._wire.nonsense("no UploadId for a multipart upload")
        self._id = quote(upload_id, safe="")
        try:
            self._send_parts()
            self._repeated(self._complete)
        except BaseException:
            self._abort()
            raise

    def _send_parts(self) -> None:
        """The last part may be of any length, also the only one; all others are PART bytes long."""
        offset, reader = 0, self._source.open()
        while size := reader.available(PART):
            self._tags.append(self._send_part(reader, offset, size))
            offset, reader = offset + size, self._source.open(offset + size)

    def _send_part(self, first: Reader, offset: int, size: int) -> str:
        """The part's ETag. `first` stands at its beginning; another attempt needs a fresh cursor."""
        readers = iter([first])
        query = f"partNumber={len(self._tags) + 1}&uploadId={self._id}"
        digest = self._objects.digest(self._source, offset, size)

        def put() -> str:
            body = Slice(next(readers, None) or self._source.open(offset), size)
            return self._objects.call("PUT", self._uri, query, body=body, digest=digest).headers.get("ETag", "")

        return self._repeated(put)

    def _complete(self) -> None:
        """S3 sends its 200 before it is done, so the answer may still be an error."""
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{html.escape(tag)}</ETag></Part>"
            for number, tag in enumerate(self._tags, 1)
        )
        xmlns = "http://s3.amazonaws.com/doc/2006-03-01/"
        body = f'<CompleteMultipartUpload xmlns="{xmlns}">{parts}</CompleteMultipartUpload>'.encode()
        answer = self._objects.call(
            "POST", self._uri, f"uploadId={self._id}", headers={"Content-Type": "application/xml"}, body=body
        )
        if b"<Error>" in answer.content:
            status = 503 if element(answer.content, "Code") in _PASSING else 400
            raise self._wire.refused(answer, status)

    def _repeated(self, act: Callable[[], T]) -> T:
        for attempt in range(1, _ATTEMPTS):
            try:
                return act()
            except ProviderFailed as failure:
                if not failure.retryable:
                    raise
                self._pause(_seconds(failure.retry_after, attempt))
        return act()

    def _abort(self) -> None:
        """Best effort, because the first error is the one to tell; deleting the object drops what is left."""
        try:
            self._objects.call("DELETE", self._uri, f"uploadId={self._id}", accept=(404,))
        except GatewayError:
            return


def _seconds(retry_after: str | None, attempt: int) -> float:
    """As long as the provider asks, else 0.25 s · 2ⁿ; with jitter, so that a crowd does not come back at once."""
    asked = float(retry_after) if retry_after and retry_after.isdigit() else 0.25 * 2.0**attempt
    return min(asked, _LONGEST_PAUSE) * random.uniform(1.0, 1.25)  # noqa: S311 - no secret
