"""generateContent and streamGenerateContent as both of Google's platforms frame them: JSON, SSE, JSON array."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from managed_files.sandbox.answers import Json
from managed_files.sandbox.borders import at_odd_borders
from managed_files.sandbox.gemini_answers import Generation
from managed_files.sandbox.gemini_schema import parse_request
from managed_files.sandbox.google_errors import invalid
from managed_files.sandbox.json_text import compact
from managed_files.sandbox.routing import Handler
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

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


class ModelCalls(ABC):
    """The handlers of a platform's model routes."""

    @abstractmethod
    def generation(self, request: Request) -> Generation:
        """The request, checked and answered. Raises the platform's errors."""

    def generate(self, request: Request) -> Reply:
        """`POST …/{model}:generateContent`."""
        return json_reply(self.generation(request).whole())

    def stream(self, request: Request) -> Reply:
        """`POST …/{model}:streamGenerateContent`: SSE with CRLF, or without `alt=sse` one JSON array, bit by bit."""
        pieces = self.generation(request).pieces()
        if request.query.get("alt") == "sse":
            return Reply(200, at_odd_borders(_events(pieces)), {"Content-Type": "text/event-stream"})
        return Reply(200, at_odd_borders(_array(pieces)), {"Content-Type": "application/json; charset=UTF-8"})


def parsed_body(request: Request, kind: str = "Request") -> Json:
    """The request in camelCase. Raises a 400."""
    try:
        body: Any = request.body.json()
    except ValueError as error:
        raise invalid(f"Invalid JSON payload received. {error}") from error
    return parse_request(body, kind)


def with_errors_in_an_array(handler: Handler) -> Handler:
    """Errors of a stream that is not SSE come in an array, as Google sends them."""

    def handle(request: Request) -> Reply:
        try:
            return handler(request)
        except Refused as error:
            wrapped = request.path.endswith(":streamGenerateContent") and request.query.get("alt") != "sse"
            if wrapped:
                return in_an_array(error.reply)
            raise

    return handle


def in_an_array(error: Reply) -> Reply:
    """The same, its JSON the only item of an array."""
    return replace(error, body=b"[%b]" % error.body if isinstance(error.body, bytes) else error.body)


def _events(pieces: Iterator[Json]) -> Iterator[bytes]:
    for piece in pieces:
        yield b"data: " + compact(piece) + b"\r\n\r\n"


def _array(pieces: Iterator[Json]) -> Iterator[bytes]:
    before = b"["
    for piece in pieces:
        yield before + compact(piece, indent=2)
        before = b"\n,\r\n"
    yield b"]"
