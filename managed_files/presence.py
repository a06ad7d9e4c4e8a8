"""Whether the client of a request is still there, for whoever waits on its behalf. Knows sockets, nothing of HTTP."""

import select
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from socket import socket

_LEFT = getattr(select, "POLLRDHUP", 0)  # Linux; elsewhere nobody notices a client that leaves while it waits
_MILLISECONDS = 1000
_LONGEST = (1 << 31) - 1  # milliseconds that `poll` can wait: 24 days

_client: ContextVar[int | None] = ContextVar("client", default=None)


class ClientLeft(Exception):
    """The client has shut down its side. No GatewayError: it says nothing of a provider, so none is tried instead."""


@contextmanager
def on_behalf_of(client: int | None) -> Iterator[None]:
    """Answers that begin in this block are given up when this client leaves; they may be read on after the block.

    `client`: the descriptor of its connection, open until the last of them is closed. None: nobody can tell.
    """
    token = _client.set(client)
    try:
        yield
    finally:
        _client.reset(token)


def check() -> None:
    """Raises ClientLeft if the client of this moment has left. For who has waited for something else meanwhile."""
    client = _client.get()
    if client is not None and _LEFT:
        poll = select.poll()
        poll.register(client, _LEFT)
        if poll.poll(0):
            raise ClientLeft


class Reading:
    """Reads from one connection, with its time-out, on behalf of the client of this moment."""

    def __init__(self, sock: socket):
        self._sock = sock
        self._poll: select.poll | None = None
        client = _client.get()
        if client is not None and _LEFT:
            self._poll = select.poll()
            self._poll.register(sock, select.POLLIN)
            self._poll.register(client, _LEFT)

    def recv(self, size: int) -> bytes:
        """What has arrived, at most `size` bytes, or the first that does. Raises OSError, TimeoutError, ClientLeft."""
        if self._poll is None:
            return self._sock.recv(size)
        if not isinstance(self._sock, ssl.SSLSocket):
            self._until_ready(self._poll)
            return self._sock.recv(size)
        while True:  # what arrives under TLS may be a session ticket alone, and what waits may be decrypted already
            try:
                return self._at_once(size)
            except ssl.SSLWantReadError:
                if self._sock.gettimeout() == 0:  # nobody wants to wait
                    raise
                self._until_ready(self._poll)

    def _until_ready(self, poll: select.poll) -> None:
        timeout = self._sock.gettimeout()
        ready = poll.poll(None if timeout is None else min(timeout * _MILLISECONDS, _LONGEST))
        if not ready:
            raise TimeoutError("timed out")
        if all(descriptor != self._sock.fileno() for descriptor, _ in ready):
            raise ClientLeft

    def _at_once(self, size: int) -> bytes:
        timeout = self._sock.gettimeout()
        self._sock.settimeout(0)
        try:
            return self._sock.recv(size)
        finally:
            self._sock.settimeout(timeout)
