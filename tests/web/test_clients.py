"""Clients that stop sending or reading are given up on, whoever keeps the time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import create_connection, create_server, socket, socketpair

import pytest
from flask import Flask

from managed_files.web import clients


@contextmanager
def accepted(seconds: float) -> Iterator[socket]:
    """A gateway's end of a connection whose client does nothing, accepted by a limited listener."""
    with create_server(("127.0.0.1", 0)) as listener:
        clients.limit([listener], seconds)
        with create_connection(listener.getsockname()), listener.accept()[0] as connection:
            yield connection


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `limit` remembers is of one process, and here of one test."""
    monkeypatch.setattr(clients, "_limited", False)


@pytest.mark.parametrize("use", [lambda client: client.recv(1), lambda client: client.sendall(bytes(1 << 26))])
def test_the_kernel_ends_what_takes_too_long(use: Callable[[socket], object]) -> None:
    with accepted(0.05) as connection, pytest.raises(BlockingIOError):
        use(connection)


def seconds_of(app: Flask) -> float | None:
    """The time limit that a request sets on its socket."""
    ours, theirs = socketpair()
    with ours, theirs:
        app.test_client().get("/", environ_overrides={"gunicorn.socket": ours})
        return ours.gettimeout()


@pytest.mark.parametrize(("limited", "seconds"), [(False, 60.0), (True, None)])
def test_requests_limit_their_sockets_only_where_the_kernel_does_not(limited: bool, seconds: float | None) -> None:
    app = Flask("clients")
    if limited:
        with accepted(1.0):
            pass
    clients.install(app)
    assert seconds_of(app) == seconds


def test_what_comes_over_a_unix_socket_is_limited_by_its_requests() -> None:
    app, (ours, theirs) = Flask("clients"), socketpair()
    with ours, theirs:
        clients.limit([ours])
    clients.install(app)
    assert seconds_of(app) == 60.0
