"""Answers that are read on behalf of somebody who may leave, over TLS too."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from threading import Event

import pytest

from managed_files.errors import UpstreamError
from managed_files.presence import ClientLeft, on_behalf_of
from managed_files.upstream import Upstream, pieces
from tests.raw_server import Certificate, Peer, Steps, certificate, serving

OK = "HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=["plain", "TLS"])
def tls(request: pytest.FixtureRequest, trusted: Certificate) -> ssl.SSLContext | None:
    return trusted.context if request.param == "TLS" else None


@pytest.fixture
def upstream(trusted: Certificate) -> Iterator[Upstream]:
    with closing(Upstream(read_timeout=20, environ={"SSL_CERT_FILE": str(trusted.path)})) as upstream:
        yield upstream


@pytest.fixture
def client() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Its own end, and the one it left with us."""
    theirs, ours = socket.socketpair()
    with theirs, ours:
        yield theirs, ours


def test_who_leaves_ends_the_wait(
    tls: ssl.SSLContext | None, upstream: Upstream, client: tuple[socket.socket, socket.socket]
) -> None:
    theirs, ours = client
    closed = Event()

    def leave_it_unanswered(peer: Peer) -> None:
        peer.receive()
        theirs.close()
        if peer.ended():
            closed.set()

    with serving(leave_it_unanswered, tls) as server:
        with on_behalf_of(ours.fileno()), pytest.raises(ClientLeft):
            upstream.send("GET", server.url)
        assert closed.wait(20)


def test_who_leaves_ends_the_stream(
    tls: ssl.SSLContext | None, upstream: Upstream, client: tuple[socket.socket, socket.socket]
) -> None:
    theirs, ours = client

    def begin(peer: Peer) -> None:
        peer.receive()
        peer.send(f"{OK}Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        peer.ended()

    with serving(begin, tls) as server:
        with on_behalf_of(ours.fileno()):
            stream = pieces(upstream.send("GET", server.url, stream=True))
        assert next(stream) == b"one"
        theirs.close()
        with pytest.raises(ClientLeft):
            next(stream)


def test_who_stays_is_answered(
    tls: ssl.SSLContext | None, upstream: Upstream, client: tuple[socket.socket, socket.socket]
) -> None:
    """Whatever else the client says meanwhile. In one record: most of it waits where the kernel does not see it."""
    theirs, ours = client
    theirs.sendall(b"the next request")

    def answer(peer: Peer) -> None:
        for _ in peer.requests():
            peer.answer("ok" * 6000)

    with serving(answer, tls) as server, on_behalf_of(ours.fileno()):
        texts = [upstream.send("GET", server.url).text for _ in range(2)]
        upstream.close()
    assert (texts, server.accepted) == (["ok" * 6000] * 2, 1)


def test_what_is_no_answer_yet_stops_no_body(
    tls: ssl.SSLContext | None, upstream: Upstream, client: tuple[socket.socket, socket.socket]
) -> None:
    begun = Event()

    def count(peer: Peer) -> None:
        received = peer.head()
        assert received is not None
        begun.set()  # session tickets are under way, or here
        peer.read_body(received)
        peer.answer(str(len(received.body)))

    body = Steps(b"x" * 100_000, begun, b"x" * 100_000, b"x" * 100_000)
    with serving(count, tls) as server, on_behalf_of(client[1].fileno()):
        assert upstream.send("POST", server.url, body=body).text == "300000"
        upstream.close()


def test_a_silent_provider_still_runs_into_the_timeout(
    tls: ssl.SSLContext | None, upstream: Upstream, client: tuple[socket.socket, socket.socket]
) -> None:
    def say_nothing(peer: Peer) -> None:
        peer.receive()
        peer.ended()

    with serving(say_nothing, tls) as server, on_behalf_of(client[1].fileno()), pytest.raises(UpstreamError) as caught:
        upstream.send("GET", server.url, timeout=0.1)
    assert caught.value.kind == "timeout"


def test_a_time_out_of_months_is_one(
    tls: ssl.SSLContext | None, upstream: Upstream, client: tuple[socket.socket, socket.socket]
) -> None:
    """Many write one so that there is none."""

    def answer(peer: Peer) -> None:
        peer.receive()
        peer.answer("ok")

    with serving(answer, tls) as server, on_behalf_of(client[1].fileno()):
        assert upstream.send("GET", server.url, timeout=9_999_999).text == "ok"
        upstream.close()
