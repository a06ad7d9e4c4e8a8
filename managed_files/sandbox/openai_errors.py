"""OpenAI's error answers, word for word where they are public. Knows no state."""

from managed_files.sandbox.wire import Refused, Reply, json_reply

_KEYS_PAGE = "You can find your API key at https://platform.openai.com/account/api-keys."
_NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
    "(i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the "
    "API from your browser and are prompted for a username and password. You can obtain an API key from "
    "https://platform.openai.com/account/api-keys."
)
_TYPES = {401: "invalid_request_error", 429: "rate_limit_error", 503: "service_unavailable_error"}
_CODES = {429: "rate_limit_exceeded", 503: "server_is_overloaded"}


def envelope(
    status: int, message: str, *, param: str | None = None, code: str | None = None, kind: str | None = None
) -> Reply:
    """`{"error": {"message", "type", "param", "code"}}`."""
    kind = kind or _TYPES.get(status) or ("server_error" if status >= 500 else "invalid_request_error")
    error = {"message": message, "type": kind, "param": param, "code": code or _CODES.get(status)}
    return json_reply({"error": error}, status)


def bad(message: str, *, param: str | None = None, code: str | None = None) -> Refused:
    """A 400 of type invalid_request_error."""
    return Refused(envelope(400, message, param=param, code=code))


def unauthorized(key: str) -> Refused:
    """No key, or one that nobody knows; the message masks it as OpenAI does."""
    if not key:
        return Refused(envelope(401, _NO_KEY))
    masked = f"{key[:7]}{'*' * max(len(key) - 11, 1)}{key[-4:]}"
    return Refused(envelope(401, f"Incorrect API key provided: {masked}. {_KEYS_PAGE}", code="invalid_api_key"))


def no_such_file(file_id: str) -> Refused:
    return Refused(envelope(404, f"No such File object: {file_id}", param="id"))


def model_not_found(model: str) -> Refused:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return Refused(envelope(404, message, code="model_not_found"))
