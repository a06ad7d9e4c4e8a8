"""Mistral's error answers: FastAPI's 422, and flat objects without an `error` around them. Knows no state."""

import secrets
from collections.abc import Sequence

from managed_files.sandbox.wire import Refused, Reply, json_reply

_TYPES = {404: "invalid_request_error", 429: "rate_limited", 503: "service_unavailable"}


def flat(status: int, message: str, *, kind: str | None = None, code: str | None = None) -> Reply:
    """`{"object": "error", "message", "type", "param", "code"}`."""
    kind = kind or _TYPES.get(status) or ("internal_server_error" if status >= 500 else "invalid_request_error")
    return json_reply({"object": "error", "message": message, "type": kind, "param": None, "code": code}, status)


def bad(message: str, *, kind: str | None = None, code: str | None = None) -> Refused:
    """A 400: the shape is right, the meaning is not."""
    return Refused(flat(400, message, kind=kind, code=code))


def invalid(place: Sequence[str | int], message: str, kind: str = "value_error") -> Refused:
    """A 422: the request has not the described shape at this place."""
    return Refused(json_reply({"detail": [{"type": kind, "loc": list(place), "msg": message, "input": None}]}, 422))


def unauthorized() -> Refused:
    return Refused(json_reply({"message": "Unauthorized", "request_id": secrets.token_hex(16)}, 401))


def no_such_file(file_id: str) -> Refused:
    return Refused(flat(404, f"File {file_id} not found."))
