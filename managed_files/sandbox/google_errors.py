"""Google's error answers. Wire facts: google.rpc.Status and Cloud Storage's JSON errors."""

from typing import Any

from managed_files.sandbox.wire import Refused, Reply, json_reply

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_REASONS = {
    400: "invalid",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    409: "conflict",
    412: "conditionNotMet",
    429: "rateLimitExceeded",
    503: "backendError",
}
NO_CREDENTIALS = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
)


def rpc_error(
    status: int, message: str, details: list[dict[str, Any]] | None = None, *, name: str | None = None
) -> dict[str, Any]:
    """The envelope of the AI APIs; a 429 tells in `details` when to come back. `name`: not the status's usual one."""
    if status == 429 and details is None:
        details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}]
    error = {"code": status, "message": message, "status": name or _STATUS.get(status, "UNKNOWN")}
    return {"error": {**error, "details": details} if details else error}


def invalid(message: str, details: list[dict[str, Any]] | None = None) -> Refused:
    """A 400 INVALID_ARGUMENT."""
    return refused(400, message, details)


def refused(
    status: int, message: str, details: list[dict[str, Any]] | None = None, *, name: str | None = None
) -> Refused:
    return Refused(json_reply(rpc_error(status, message, details, name=name), status))


def storage_error(status: int, message: str) -> Reply:
    """The envelope of Cloud Storage."""
    reason = {"message": message, "domain": "global", "reason": _REASONS.get(status, "backendError")}
    return json_reply({"error": {"code": status, "message": message, "errors": [reason]}}, status)


def storage_refused(status: int, message: str) -> Refused:
    return Refused(storage_error(status, message))
