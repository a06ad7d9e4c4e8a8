"""The bytes of an answer, and what becomes of their connection. Knows no request."""

from http.client import HTTPConnection, HTTPException

from managed_files.errors import UpstreamError
from managed_files.presence import ClientLeft
from managed_files.upstream.pool import Origin
from managed_files.upstream.response import Answer

_BLOCK = 256 * 1024


class AnswerBody:
    """The bytes of an answer. Gives its connection back after the last one; takes it down when abandoned before."""

    def __init__(self, answer: Answer, connection: HTTPConnection, origin: Origin):
        self._answer = answer
        self._connection: HTTPConnection | None = connection
        self._origin = origin
        self._settle()

    def __del__(self) -> None:
        self.close()

    def read(self, size: int = -1, /) -> bytes:
        """`size` bytes, fewer only at the end; all that is left without a size. Raises UpstreamError."""
        pieces, left = [], size
        while left and (piece := self.read1(min(left, _BLOCK) if left > 0 else _BLOCK)):
            pieces.append(piece)
            left -= len(piece) if left > 0 else 0
        return b"".join(pieces)

    def read1(self, size: int, /) -> bytes:
        """What has arrived, at most `size` bytes; waits only if nothing has. Raises UpstreamError, ClientLeft."""
        if self._connection is None:
            return b""
        try:
            piece = self._answer.read1(size)
        except (OSError, HTTPException) as error:
            self.close()
            raise failed(self._origin, error, sent=True) from error
        except ClientLeft:
            self.close()
            raise
        self._settle()
        return piece

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _settle(self) -> None:
        if self._connection is not None and self._answer.ended:
            if self._answer.reusable:
                self._origin.keep(self._connection)
                self._connection = None
            self.close()


def failed(origin: Origin, cause: Exception | None, *, sent: bool) -> UpstreamError:
    """The error for a broken exchange; its message names the host alone."""
    if isinstance(cause, TimeoutError):
        return UpstreamError("timeout", f"{origin.host} did not answer in time.", sent=sent)
    return UpstreamError("cut", f"{origin.host} closed the connection before its answer was complete.", sent=sent)
