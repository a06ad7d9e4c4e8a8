"""The transport in the shape that `requests` knows, lean: kept connections, and when a call may be repeated."""

from collections.abc import Callable, Mapping
from functools import partial
from http.client import HTTPConnection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

from managed_files.errors import UpstreamError
from managed_files.upstream.answer import AnswerBody
from managed_files.upstream.environment import Environment
from managed_files.upstream.exchange import exchange
from managed_files.upstream.pool import Origin
from managed_files.upstream.request import BLOCK, blocks, head
from managed_files.upstream.response import HeadResponse

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})  # RFC 9110, 9.2.2

_Answer = tuple[HeadResponse, AnswerBody]


class LeanResponse(Response):
    """A Response that is set up with what our transport gives: the parent's makes a cookie jar, and a dict to drop."""

    def __init__(self, request: PreparedRequest, answer: HeadResponse, body: AnswerBody):
        self._content = False  # type: ignore[assignment]  # requests' mark for a body that was not read yet
        self._content_consumed = False
        self.request = request
        self.url = request.url or ""
        self.status_code = answer.status
        self.reason = answer.reason
        self.headers = answer.fields
        self.raw = body
        self.encoding = None
        self.history: list[Response] = []

    def read_whole(self) -> None:
        """Reads and keeps the body in one step; `content` would read it in pieces of 10 kB and join them."""
        self._content, self._content_consumed = self.raw.read(), True


class LeanAdapter(BaseAdapter):
    """The transport as `requests` knows it, so that a PreparedRequest goes in and a Response comes out."""

    def __init__(self, environ: Mapping[str, str], *, connect_timeout: float, read_timeout: float, max_idle: int):
        super().__init__()
        self._environment = Environment(environ)
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._max_idle = max_idle
        self._origins: dict[tuple[str, str], Origin] = {}

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Response:
        """`timeout`: seconds, None for the adapter's own. Proxies and CAs are the environment's, not the arguments'."""
        origin, url = self._locate(request.url or "")
        first, rest = head(request, url, origin), blocks(request)
        first += next(rest, b"")
        ask = partial(exchange, origin, request.method or "GET", first, rest, timeout or self._read_timeout)
        response = LeanResponse(request, *_on_kept_or_fresh(origin, request, ask))
        if not stream:
            response.read_whole()
        return response

    def close(self) -> None:
        for origin in list(self._origins.values()):
            origin.close()

    def _locate(self, url: str) -> tuple[Origin, SplitResult]:
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
        return origin, split


def _on_kept_or_fresh(origin: Origin, request: PreparedRequest, ask: Callable[[HTTPConnection], _Answer]) -> _Answer:
    kept = origin.take()
    if kept is not None:
        try:
            return ask(kept)
        except UpstreamError as error:
            if not _may_repeat(error, request):
                raise
    return ask(origin.open())


def _may_repeat(error: UpstreamError, request: PreparedRequest) -> bool:
    """After a failure on a kept connection: a body that was only begun cannot be sent again from its start."""
    if error.kind == "timeout":
        return False
    whole = request.body is None or (isinstance(request.body, bytes) and len(request.body) <= BLOCK)
    return not error.sent or (whole and request.method in _IDEMPOTENT)
