"""The bytes of an answer, and what becomes of their connection. Knows no request."""

from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TypeVar

from managed_files.errors import UpstreamError
from managed_files.upstream.pool import Origin

_Size = TypeVar("_Size", int, int | None)


class AnswerBody:
    """The bytes of an answer. Gives its connection back after the last one; takes it down when abandoned before."""

    def __init__(self, answer: HTTPResponse, connection: HTTPConnection, origin: Origin):
        self._answer = answer
        self._connection: HTTPConnection | None = connection
        self._origin = origin
        self._settle()

    def __del__(self) -> None:
        if self._connection is not None:
            self.close()

    def read(self, size: int | None = -1, /) -> bytes:
        """`size` bytes, fewer only at the end; all that is left without a size. Raises UpstreamError."""
        return self._guarded(self._answer.read, None if size is None or size < 0 else size)

    def read1(self, size: int = -1, /) -> bytes:
        """What has arrived, at most `size` bytes; waits only if nothing has. Raises UpstreamError."""
        return self._guarded(self._answer.read1, size)

    def close(self) -> None:
        self._answer.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _guarded(self, read: Callable[[_Size], bytes], size: _Size) -> bytes:
        try:
            piece = read(size)
        except (OSError, HTTPException, ValueError) as error:
            self.close()
            raise failed(self._origin, error, sent=True) from error
        if not piece and self._answer.length:  # for http.client an early end of a body of known length is an end
            self.close()
            raise failed(self._origin, None, sent=True)
        self._settle()
        return piece

    def _settle(self) -> None:
        if self._connection is None or not (self._answer.isclosed() or self._answer.length == 0):
            return
        self._answer.close()
        if self._answer.will_close:
            self._connection.close()
        else:
            self._origin.keep(self._connection)
        self._connection = None


def failed(origin: Origin, cause: Exception | None, *, sent: bool) -> UpstreamError:
    """The error for a broken exchange; its message names the host alone."""
    if isinstance(cause, TimeoutError):
        return UpstreamError("timeout", f"{origin.host} did not answer in time.", sent=sent)
    return UpstreamError("cut", f"{origin.host} closed the connection before its answer was complete.", sent=sent)
