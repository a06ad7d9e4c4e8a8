"""One call: over a kept connection or a fresh one, and when it may be repeated. Answers in the shape of `requests`."""

from collections.abc import Mapping
from functools import partial
from urllib.parse import urlsplit

from requests import Response

from managed_files.errors import UpstreamError
from managed_files.upstream.answer import AnswerBody
from managed_files.upstream.environment import Environment
from managed_files.upstream.exchange import exchange
from managed_files.upstream.pool import Origin
from managed_files.upstream.request import BLOCK, Body, blocks, head
from managed_files.upstream.response import Answer

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})  # RFC 9110, 9.2.2


class LeanResponse(Response):
    """A Response that is set up with what our transport gives: the parent's makes a cookie jar, and a dict to drop."""

    def __init__(self, url: str, answer: Answer, body: AnswerBody):
        self._content = False  # type: ignore[assignment]  # requests' mark for a body that was not read yet
        self._content_consumed = False
        self.url = url
        self.status_code = answer.status
        self.reason = answer.reason
        self.headers = answer.fields
        self.raw = body
        self.encoding = None
        self.history: list[Response] = []

    def read_whole(self) -> None:
        """Reads and keeps the body in one step; `content` would read it in pieces of 10 kB and join them."""
        self._content, self._content_consumed = self.raw.read(), True


class Transport:
    """The origins that were called, and their connections. Times in seconds."""

    def __init__(self, environ: Mapping[str, str], *, connect_timeout: float, read_timeout: float, max_idle: int):
        self._environment = Environment(environ)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._max_idle = max_idle
        self._origins: dict[tuple[str, str], Origin] = {}

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Body | None, timeout: float | None
    ) -> LeanResponse:
        """The answer, its body not read yet. `timeout`: without progress, None for the transport's own."""
        origin, rest = self._origin(url), blocks(body)
        first = head(method, url, headers, body, origin) + next(rest, b"")
        ask = partial(exchange, origin, method, first, rest, timeout or self._read_timeout)
        kept = origin.take()
        if kept is None:
            return LeanResponse(url, *ask(origin.open()))
        try:
            return LeanResponse(url, *ask(kept))
        except UpstreamError as error:
            if not _may_repeat(error, method, body):
                raise
        return LeanResponse(url, *ask(origin.open()))

    def close(self) -> None:
        for origin in list(self._origins.values()):
            origin.close()

    def _origin(self, url: str) -> Origin:
        try:
            split = urlsplit(url)
            key = (split.scheme, split.netloc)
            origin = self._origins.get(key)
            if origin is None:
                fresh = Origin(split, self._environment, connect_timeout=self._connect_timeout, max_idle=self._max_idle)
                origin = self._origins.setdefault(key, fresh)
        except ValueError as error:
            raise UpstreamError(
                "refused", "The host or port of a URL, or of its proxy, cannot be read.", sent=False
            ) from error
        return origin


def _may_repeat(error: UpstreamError, method: str, body: bytes | Body | None) -> bool:
    """After a failure on a kept connection: a body that was only begun cannot be sent again from its start."""
    if error.kind == "timeout":
        return False
    whole = body is None or (isinstance(body, bytes) and len(body) <= BLOCK)
    return not error.sent or (whole and method in _IDEMPOTENT)
