"""Asks a handler of the same stand-in, as if the body had come over HTTP. Knows no provider."""

from collections.abc import Mapping
from http.client import HTTPMessage
from io import BufferedReader, BytesIO

from managed_files.sandbox.body import Body
from managed_files.sandbox.routing import Handler
from managed_files.sandbox.wire import Refused, Reply, Request


def posted(path: str, body: bytes, args: Mapping[str, str] | None = None) -> Request:
    """A POST of this JSON, without credentials. `args`: what the route would have read in the path."""
    headers = HTTPMessage()
    headers["Content-Type"] = "application/json"
    headers["Content-Length"] = str(len(body))
    return Request("POST", path, {}, headers, Body(BufferedReader(BytesIO(body)), headers, lambda: None), args or {})


def asked(handler: Handler, request: Request) -> Reply:
    """The handler's answer, also where it refuses."""
    try:
        return handler(request)
    except Refused as refused:
        return refused.reply
