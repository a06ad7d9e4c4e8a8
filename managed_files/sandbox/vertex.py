"""Vertex AI's generateContent and streamGenerateContent. Wire facts: aiplatform v1."""

import json
from collections.abc import Iterator
from typing import Any

from managed_files.sandbox.answers import Json
from managed_files.sandbox.borders import at_odd_borders
from managed_files.sandbox.gcs import Buckets
from managed_files.sandbox.gemini_answers import Generation
from managed_files.sandbox.gemini_schema import parse_request
from managed_files.sandbox.google_errors import invalid, refused
from managed_files.sandbox.wire import Reply, Request, json_reply

MODELS = (
    "gemini-1.5-flash",
    "gemini-1.5-pro",
    "gemini-2.0-flash",
    "gemini-2.0-flash-001",
    "gemini-2.0-flash-lite",
    "gemini-2.5-flash",
    "gemini-2.5-flash-lite",
    "gemini-2.5-pro",
    "gemini-3-flash",
    "gemini-3-flash-preview",
    "gemini-3-pro",
    "gemini-3-pro-preview",
)


class Models:
    """The handlers of a project's model routes."""

    def __init__(self, project: str, buckets: Buckets):
        self._project = project
        self._buckets = buckets

    def generate(self, request: Request) -> Reply:
        """`POST …/{model}:generateContent`."""
        return json_reply(self._generation(request).whole())

    def stream(self, request: Request) -> Reply:
        """`POST …/{model}:streamGenerateContent`: SSE with CRLF, or without `alt=sse` one JSON array, bit by bit."""
        pieces = self._generation(request).pieces()
        if request.query.get("alt") == "sse":
            return Reply(200, at_odd_borders(_events(pieces)), {"Content-Type": "text/event-stream"})
        return Reply(200, at_odd_borders(_array(pieces)), {"Content-Type": "application/json; charset=UTF-8"})

    def _generation(self, request: Request) -> Generation:
        project, location, model = (request.args[name] for name in ("project", "location", "model"))
        if project != self._project:
            raise refused(
                403,
                f"Permission 'aiplatform.endpoints.predict' denied on resource "
                f"'//aiplatform.googleapis.com/projects/{project}/locations/{location}/publishers/google/models/{model}'"
                " (or it may not exist).",
            )
        if model not in MODELS:
            name = f"projects/{project}/locations/{location}/publishers/google/models/{model}"
            raise refused(404, f"Publisher Model `{name}` was not found or your project does not have access to it.")
        return Generation(_parsed(request), model, self._buckets)


def _parsed(request: Request) -> Json:
    try:
        body: Any = request.body.json()
    except ValueError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
    return parse_request(body)


def _json(data: Json) -> bytes:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()


def _events(pieces: Iterator[Json]) -> Iterator[bytes]:
    for piece in pieces:
        yield b"data: " + _json(piece) + b"\r\n\r\n"


def _array(pieces: Iterator[Json]) -> Iterator[bytes]:
    before = b"["
    for piece in pieces:
        yield before + json.dumps(piece, indent=2, ensure_ascii=False).encode()
        before = b"\n,\r\n"
    yield b"]"
