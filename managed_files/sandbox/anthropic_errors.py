"""Anthropic's error answers. Knows no state. Wire facts: Anthropic's "Errors" and the `anthropic` package's types."""

import secrets
from typing import Any

from managed_files.sandbox.wire import Refused, Reply, json_reply

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def request_id() -> str:
    return f"req_011{secrets.token_hex(10)}"


def envelope(status: int, message: str, code: str | None = None) -> Reply:
    """`{"type": "error", "error": {"type", "message"}, "request_id"}`; `code` goes to the error's details."""
    error: dict[str, Any] = {"type": _TYPES.get(status, "api_error"), "message": message}
    if code is not None:
        error["details"] = {"error_code": code}
    told = request_id()
    return json_reply({"type": "error", "error": error, "request_id": told}, status, {"request-id": told})


def refused(status: int, message: str, code: str | None = None) -> Refused:
    return Refused(envelope(status, message, code))


def bad(message: str) -> Refused:
    """A 400 of type invalid_request_error; the message begins with the place, as `messages.0.content.1: …`."""
    return refused(400, message)


def no_such_file(file_id: str) -> Refused:
    return refused(404, f"File not found: {file_id}")
