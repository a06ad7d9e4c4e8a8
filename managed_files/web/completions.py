"""The route of /chat/completions. The caller is found in the same statement as the files, so not by a decorator."""

from typing import Any

from flask import Blueprint, Response
from werkzeug.datastructures import Headers

from managed_files import presence, tracing
from managed_files.errors import InvalidRequest
from managed_files.services.calls import ChatAnswer
from managed_files.services.completions import Completions
from managed_files.web.auth import Authenticator
from managed_files.web.bodies import SMALL, announced, json_object
from managed_files.web.incoming import incoming

_SHOWN = 200  # characters of a model's name in the log: any text may stand there


class Answer(Response):
    """Its headers go out as they are. The parent copies them one by one to complete a Location, which there is not."""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        if self.is_sequence:
            self.headers.add("Content-Length", sum(map(len, self.response)))
        return self.headers


def blueprint(auth: Authenticator, completions: Completions, max_request_bytes: int) -> Blueprint:
    """POST /chat/completions."""
    routes = Blueprint("completions", __name__)

    @routes.post("/chat/completions")
    def create() -> Response:
        request, credentials = incoming(), auth.credentials()
        length = announced(request)
        if length is None or length > SMALL:  # this is read for known callers only, which costs a statement of its own
            auth.caller()
        body = _checked(json_object(request, max_request_bytes))
        tracing.current().model = body["model"][:_SHOWN]
        client = request.environ.get("gunicorn.socket")  # another server's sockets are its own affair
        with presence.on_behalf_of(None if client is None else client.fileno()):
            return _response(completions.create(credentials, body))

    return routes


def _response(answer: ChatAnswer) -> Response:
    headers = Headers()
    headers.add("Content-Type", answer.content_type)
    for name, value in answer.headers.items():
        headers.add(name, value)
    if answer.content_type.startswith("text/event-stream"):
        headers.add("Cache-Control", "no-cache")
        headers.add("X-Accel-Buffering", "no")  # asks a proxy in front not to hold events back
    return Answer(answer.pieces, headers=headers)


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """The request, looked at no further than the gateway itself reads it: the provider judges the rest."""
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise InvalidRequest("'model' has to be the name of a model.", param="model")
    if not isinstance(body.get("stream"), bool | None):
        raise InvalidRequest("'stream' has to be true or false.", param="stream")
    if not isinstance(body.get("messages"), list):
        raise InvalidRequest("'messages' has to be a list.", param="messages")
    for index, message in enumerate(body["messages"]):
        if not isinstance(message, dict):
            raise InvalidRequest(f"'messages[{index}]' has to be an object.", param=f"messages[{index}]")
    return body
