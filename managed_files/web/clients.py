"""Gives up on clients that stop sending or reading, so that none keeps a thread for ever. Knows sockets."""

import struct
from collections.abc import Iterable
from socket import AF_INET, AF_INET6, SO_RCVTIMEO, SO_SNDTIMEO, SOL_SOCKET, socket

from flask import Flask

from managed_files.web.incoming import incoming

IDLE_SECONDS = 60.0
_limited = False


def limit(listeners: Iterable[socket], seconds: float = IDLE_SECONDS) -> None:
    """Has the kernel keep the time of every client that these listeners will accept, which no request then pays for.

    For a server's master, before it forks. A read that takes longer ends as BlockingIOError, and so does a write of
    which nothing was taken: who reads nothing of a stream is given up on after two or three times as long, since the
    kernel then finds room for a little more. What comes over a Unix socket inherits nothing from its listener.
    """
    global _limited
    waiting = list(listeners)
    for listener in waiting:
        for option in (SO_RCVTIMEO, SO_SNDTIMEO):
            listener.setsockopt(SOL_SOCKET, option, struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000)))
    _limited = all(listener.family in (AF_INET, AF_INET6) for listener in waiting)


def install(app: Flask) -> None:
    """Where the listeners are not limited, every request limits its own socket, for itself and its answer.

    Under another server than gunicorn, that server's own time limits hold.
    """
    if not _limited:
        app.before_request(_limit)


def _limit() -> None:
    client = incoming().environ.get("gunicorn.socket")
    if client is not None:
        client.settimeout(IDLE_SECONDS)
