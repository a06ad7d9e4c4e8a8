"""Every error as OpenAI's envelope, with the status that its SDKs map to their exceptions."""

import logging

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from managed_files.errors import GatewayError
from managed_files.presence import ClientLeft

log = logging.getLogger(__name__)

_DRAIN_BYTES = 64 * 1024 * 1024
_BLOCK_BYTES = 256 * 1024
_CLIENT_LEFT = 499


def install(app: Flask) -> None:
    """Registers the handlers for our errors, HTTP's own, and whatever nobody foresaw."""
    app.register_error_handler(GatewayError, _ours)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(RecursionError, _too_deep)
    app.register_error_handler(TimeoutError, _too_slow)
    app.register_error_handler(BlockingIOError, _too_slow)
    app.register_error_handler(ClientLeft, _given_up)
    app.register_error_handler(Exception, _unforeseen)


def _ours(error: GatewayError) -> Response:
    response = _envelope(error.http_status, error.message, error.type, error.param, error.code)
    if error.retry_after is not None:
        response.headers["Retry-After"] = error.retry_after
    if error.should_retry is not None:
        response.headers["x-should-retry"] = "true" if error.should_retry else "false"
    return response


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    message = f"{request.method} {request.path[:200]}: {error.description or error.name}"
    response = _envelope(status, message, "invalid_request_error" if status < 500 else "server_error", None, None)
    for name, value in error.get_headers(request.environ):
        if name not in ("Content-Type", "Content-Length"):
            response.headers[name] = value
    return response


def _too_deep(_: RecursionError) -> Response:
    return _envelope(400, "The JSON of the request is nested too deeply.", "invalid_request_error", None, None)


def _too_slow(_: OSError) -> Response:
    """Only the client's own socket: what is slow upstream or in the database is translated at its door.

    BlockingIOError is a time limit's end where the kernel keeps it.
    """
    return _envelope(408, "The request body stopped arriving.", "invalid_request_error", None, None)


def _given_up(_: ClientLeft) -> Response:
    """For the log, with the status by which nginx's tells the same, and for who has shut down its sending alone."""
    message = "The request was given up, for its client has shut down its side of the connection. Keep it open."
    return _envelope(_CLIENT_LEFT, message, "invalid_request_error", None, None)


def _unforeseen(error: Exception) -> Response:
    log.exception("unforeseen error", exc_info=error)
    return _envelope(500, "The gateway made an error of its own. Its log tells more.", "server_error", None, None)


def _envelope(status: int, message: str, kind: str, param: str | None, code: str | None) -> Response:
    response = jsonify(error={"message": message, "type": kind, "param": param, "code": code})
    response.status_code = status
    if request.method == "POST":
        stream = request.environ["wsgi.input"]
        response.call_on_close(lambda: _drain(stream))
    return response


def _drain(stream: object) -> None:
    """Reads on for a while after the answer: a client that is still sending would otherwise never read it."""
    left = _DRAIN_BYTES
    try:
        while left > 0 and (block := stream.read(_BLOCK_BYTES)):  # type: ignore[attr-defined]
            left -= len(block)
    except Exception:
        log.debug("the client went away before its error was read")
