"""Reads the JSON of a request, up to a limit. Knows no route."""

from typing import Any

from flask import Request
from werkzeug.exceptions import HTTPException

from managed_files.errors import InvalidRequest, SpoolBroken, TooLarge, UnsupportedMediaType
from managed_files.strict_json import decoded
from managed_files.web.incoming import incoming

SMALL = 1024 * 1024  # bytes


def json_object(request: Request, max_bytes: int = SMALL) -> dict[str, Any]:
    """The body. Raises UnsupportedMediaType, TooLarge, InvalidRequest, and SpoolBroken where the client went away."""
    try:
        body = decoded(_read(request, announced(request), max_bytes))
    except ValueError as error:
        raise InvalidRequest("The request body is not JSON.") from error
    if not isinstance(body, dict):
        raise InvalidRequest("The request body is not a JSON object.")
    return body


def small_object() -> dict[str, Any]:
    """The body of the request at hand, where nobody needs more than 1 MiB."""
    return json_object(incoming())


def announced(request: Request) -> int | None:
    """Bytes of the body, None if nobody says. A server says "" for a length that it does not know, werkzeug 0."""
    return request.content_length or None


def _read(request: Request, length: int | None, max_bytes: int) -> bytes:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Send the request as JSON, with Content-Type: application/json.")
    if (length or 0) > max_bytes or len(data := _all_of(request, length, max_bytes)) > max_bytes:
        raise TooLarge(f"The request body is larger than {max_bytes} bytes. Upload large files and name their ids.")
    return data


def _all_of(request: Request, length: int | None, max_bytes: int) -> bytes:
    try:
        if length is None:
            request.max_content_length = max_bytes + 1  # werkzeug ends a chunked body at its limit without a word
            return request.get_data(cache=False)
        data: bytes = request.environ["wsgi.input"].read(length)
    except (TimeoutError, BlockingIOError, HTTPException):
        raise
    except Exception as error:  # each server has its own for a client that went away or broke the chunked coding
        raise SpoolBroken("The request body ended before it was complete.") from error
    return data
