"""gunicorn's `gthread` worker, but for how it refuses requests and takes leave of clients. Of the gateway no more."""

import json
import logging
import secrets
from contextlib import suppress
from http import HTTPStatus
from socket import SHUT_RDWR
from typing import Any

from gunicorn.http import errors
from gunicorn.util import close_graceful, write_nonblock
from gunicorn.workers.gthread import ThreadWorker

_OURS = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
_STATUS = {
    errors.ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
    errors.LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    errors.LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    errors.UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
}
log = logging.getLogger(__name__)


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn waits up to two seconds for a client to close its side, in the thread that accepts all others.

    It refuses what it cannot read with a page for browsers, and writes the line that it could not read into its log,
    where a key may stand in it.
    """

    def handle(self, conn: Any) -> Any:
        """One request. If it is the connection's last, the wait is over when gunicorn begins its own."""
        kept = super().handle(conn)
        if not kept:
            with suppress(OSError, NotImplementedError):  # closed already; a TLS socket, which has no second descriptor
                close_graceful(conn.sock.dup())
                conn.sock.shutdown(SHUT_RDWR)
        return kept

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answers what is no HTTP, or has too long a head, in OpenAI's envelope."""
        if not isinstance(exc, errors.ParseException) or isinstance(exc, _OURS):
            super().handle_error(req, client, addr, exc)
            return
        status = _STATUS.get(type(exc), HTTPStatus.BAD_REQUEST)
        request_id = f"req_{secrets.token_hex(12)}"
        log.warning("%s: refused with %d before it was read: %s", request_id, status, type(exc).__name__)
        with suppress(OSError):
            write_nonblock(client, _refusal(status, f"The request cannot be read: {exc}.", request_id))


def _refusal(status: HTTPStatus, message: str, request_id: str) -> bytes:
    """A whole answer, the connection's last."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    body = json.dumps({"error": error})
    head = (
        f"HTTP/1.1 {status} {status.phrase}\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nx-request-id: {request_id}\r\n\r\n"
    )
    return (head + body).encode()
