"""Gives up on clients that stop sending or reading, so that none keeps a thread for ever. Knows gunicorn's socket."""

from flask import Flask, request

IDLE_SECONDS = 60.0


def install(app: Flask) -> None:
    """Under another server than gunicorn, that server's own time limits hold."""
    app.before_request(_limit)


def _limit() -> None:
    socket = request.environ.get("gunicorn.socket")
    if socket is not None:
        socket.settimeout(IDLE_SECONDS)
