"""The one door to HTTP: requests go out here and every failure without an answer becomes an UpstreamError.

A call costs about a fifth of `requests.post`: no environment look-up, no redirect, no cookie, kept connections.
"""

import logging
import os
from collections.abc import Iterator, Mapping

from requests import Response

from managed_files import tracing
from managed_files.errors import UpstreamError
from managed_files.upstream.request import Body
from managed_files.upstream.transport import Transport

log = logging.getLogger(__name__)

__all__ = ["Body", "Pieces", "Upstream", "pieces"]


class Upstream:
    """Sends requests. Used by many threads at once; opens nothing before its first call, shares nothing over a fork."""

    def __init__(
        self,
        *,
        connect_timeout: float = 10.0,
        read_timeout: float = 600.0,
        max_idle: int = 64,
        environ: Mapping[str, str] | None = None,
    ):
        """Times in seconds without progress; `max_idle`: connections kept per origin; `environ`: proxies and CAs."""
        self._transport = Transport(
            os.environ if environ is None else environ,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            max_idle=max_idle,
        )

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Body | None = None,
        timeout: float | None = None,
        stream: bool = False,
    ) -> Response:
        """One call, any status. The answer is read to its end unless `stream`: then read it with `pieces`.

        Raises UpstreamError; what `body.read` raises comes through unchanged, after the connection was closed.
        A call is repeated once, and only on a kept connection that turned out dead: when nothing was sent, or the
        method is idempotent and its body small. Any other loss is the caller's to judge (`sent`).
        """
        tracing.current().upstream_calls += 1
        try:
            response = self._transport.send(method.upper(), url, headers or {}, body, timeout)
        except UpstreamError as error:
            if not error.sent:  # a certificate, a proxy, a name: clients are told no more than that nobody was reached
                log.warning("%s", error.message)
            raise
        if not stream:
            response.read_whole()
        return response

    def close(self) -> None:
        """Closes the idle connections; calls under way go on."""
        self._transport.close()


class Pieces(Iterator[bytes]):
    """An answer's bytes as they arrive. An object and not a generator, for `close` must work before the first piece."""

    def __init__(self, response: Response, size: int):
        self._response = response
        self._size = size

    def __next__(self) -> bytes:
        piece: bytes = self._response.raw.read1(self._size)
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        """Gives up what was not read, and with it the connection."""
        self._response.raw.close()


def pieces(response: Response, size: int = 65536) -> Pieces:
    """What has arrived, at most `size` bytes at a time. The answer is closed at its end, by `close`, or when dropped.

    Raises UpstreamError `cut` or `timeout` (`sent` is true) when the answer ends too early.
    """
    return Pieces(response, size)
