"""The route of /chat/completions. The caller is found in the same statement as the files, so not by a decorator."""

import json
from typing import Any

from flask import Blueprint, Response, request
from marshmallow import INCLUDE, Schema, ValidationError, fields, validate

from managed_files import tracing
from managed_files.errors import InvalidRequest, TooLarge, UnsupportedMediaType
from managed_files.services.completions import Completions
from managed_files.web.auth import Authenticator
from managed_files.web.checks import complaint


class Objects(fields.Field[list[Any]]):
    """An array of objects, looked at no further."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> list[Any]:
        if not isinstance(value, list):
            raise ValidationError("Not a valid list.")
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise ValidationError({index: ["Not a valid mapping type."]})
        return value


class ChatRequest(Schema):
    """Shallow on purpose: the provider judges the rest, and nested schemas cost milliseconds on long chats."""

    model = fields.String(required=True, validate=validate.Length(min=1))
    messages = Objects(required=True)
    stream = fields.Boolean(truthy={True}, falsy={False}, allow_none=True)


_SMALL_BYTES = 1024 * 1024  # more than this is read for known callers only, which costs a statement of its own
_SCHEMA = ChatRequest(unknown=INCLUDE)


def blueprint(auth: Authenticator, completions: Completions, max_request_bytes: int) -> Blueprint:
    """POST /chat/completions."""
    routes = Blueprint("completions", __name__)

    @routes.post("/chat/completions")
    def create() -> Response:
        credentials = auth.credentials()
        if request.content_length is None or request.content_length > _SMALL_BYTES:
            auth.caller()
        body = _body(max_request_bytes)
        tracing.current().model = body["model"]
        answer = completions.create(credentials, body)
        response = Response(answer.pieces, content_type=answer.content_type, headers=answer.headers)
        if answer.content_type.startswith("text/event-stream"):
            response.headers["Cache-Control"] = "no-cache"
            response.headers["X-Accel-Buffering"] = "no"  # asks a proxy in front not to hold events back
        return response

    return routes


def _body(max_bytes: int) -> dict[str, Any]:
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("Send the request as JSON, with Content-Type: application/json.")
    request.max_content_length = max_bytes + 1  # werkzeug ends a chunked body at its limit without a word
    if (request.content_length or 0) > max_bytes or len(data := request.get_data(cache=False)) > max_bytes:
        raise TooLarge(f"The request body is larger than {max_bytes} bytes. Upload large files and name their ids.")
    try:
        body = json.loads(data)
    except ValueError as error:
        raise InvalidRequest("The request body is not JSON.") from error
    if not isinstance(body, dict):
        raise InvalidRequest("The request body is not a JSON object.")
    errors = _SCHEMA.validate(body)
    if errors:
        raise complaint(errors)
    return body
