"""The yardstick: a bare Flask application, and a route that does nothing but receive."""

from flask import Flask, request

_BLOCK_BYTES = 128 * 1024

application = Flask("hello")


@application.get("/")
def hello() -> str:
    return "hello"


@application.post("/sink")
def sink() -> str:
    """Reads a body and keeps nothing of it."""
    while request.stream.read(_BLOCK_BYTES):
        pass
    return "received"
