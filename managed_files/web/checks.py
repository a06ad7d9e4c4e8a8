"""Checks plain values against a schema; its complaints become InvalidRequest. Knows marshmallow, no route."""

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError
from werkzeug.datastructures import Headers

from managed_files.errors import InvalidRequest

_LONGEST_KEY = 255


def checked(schema: Schema, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the schema knows, converted. Raises InvalidRequest naming the first field that is wrong."""
    try:
        return dict(schema.load(given, unknown=EXCLUDE))
    except ValidationError as error:
        raise _complaint(error.messages) from error


def idempotency_key(headers: Headers) -> str | None:
    """The client's own, None for none. Raises InvalidRequest for one that is too long to be kept."""
    key = headers.get("Idempotency-Key") or None
    if key is not None and len(key) > _LONGEST_KEY:
        raise InvalidRequest(
            f"'Idempotency-Key' has more than {_LONGEST_KEY} characters. Use a shorter one.", param="Idempotency-Key"
        )
    return key


def _complaint(messages: Any) -> InvalidRequest:
    """The first of a schema's complaints."""
    name, found = next(iter(messages.items()))
    while isinstance(found, dict):
        inner, found = next(iter(found.items()))
        name = f"{name}[{inner}]" if isinstance(inner, int) else f"{name}.{inner}"
    return InvalidRequest(f"'{name}': {' '.join(found)}", param=str(name))
