"""Bodies on their way back: pieces as they arrive, their end, and answers that break off."""

import gc
from threading import Event

import pytest
from requests import Response

from managed_files.errors import UpstreamError
from managed_files.upstream import pieces
from tests.raw_server import Peer, calling

OK = "HTTP/1.1 200 OK\r\n"
CHUNKED = f"{OK}Transfer-Encoding: chunked\r\n\r\n"


def broken(response: Response) -> tuple[bytes, str, bool]:
    """What came before the failure, and its kind."""
    got: list[bytes] = []
    with pytest.raises(UpstreamError) as caught:
        got.extend(pieces(response))
    return b"".join(got), caught.value.kind, caught.value.sent


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"{CHUNKED}3\r\none\r\n", "3\r\ntwo\r\n0\r\n\r\n"),
        (f"{CHUNKED}6\r\none", "two\r\n0\r\n\r\n"),
        (f"{OK}Content-Length: 6\r\n\r\none", "two"),
        (f"{OK}\r\none", "two"),
    ],
    ids=["chunks", "inside a chunk", "length", "until the end"],
)
def test_pieces_come_as_they_arrive(first: str, second: str) -> None:
    seen = Event()

    def drip(peer: Peer) -> None:
        peer.receive()
        peer.send(first)
        assert seen.wait(20)
        peer.send(second)

    with calling(drip) as (server, upstream):
        stream = pieces(upstream.send("GET", server.url, stream=True))
        arrived = next(stream)
        seen.set()
        assert (arrived, list(stream)) == (b"one", [b"two"])


@pytest.mark.parametrize(
    "answer",
    [
        "Content-Length: 5\r\n\r\nhello",
        "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ],
    ids=["length", "length twice", "trailers", "chunks"],
)
def test_a_connection_serves_again_after_a_whole_answer(answer: str) -> None:
    def serve(peer: Peer) -> None:
        for _ in peer.requests():
            peer.send(OK + answer)

    with calling(serve) as (server, upstream):
        bodies = [b"".join(pieces(upstream.send("GET", server.url, stream=True), 2)) for _ in range(3)]
        assert (bodies, server.accepted) == ([b"hello"] * 3, 1)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", f"{OK}Content-Length: 5\r\n\r\n"),
        ("DELETE", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
        ("GET", f"{OK}Content-Length: 0\r\n\r\n"),
        ("GET", f"{OK}Content-Length: 00\r\n\r\n"),
        ("HEAD", f"{OK}Transfer-Encoding: chunked\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_answers_without_a_body(method: str, answer: str, stream: bool) -> None:
    def serve(peer: Peer) -> None:
        for _ in peer.requests():
            peer.send(answer)

    with calling(serve) as (server, upstream):
        bodies = [upstream.send(method, server.url, stream=stream).content for _ in range(2)]
        assert (bodies, server.accepted) == ([b"", b""], 1)


@pytest.mark.parametrize(
    "answer",
    [
        f"{OK}Content-Length: 9\r\n\r\nhello",
        f"{CHUNKED}5\r\nhello\r\n",
        f"{CHUNKED}9\r\nhello",
        f"{CHUNKED}5\r\nhello\r\nzz\r\n",
        f"{CHUNKED}5\r\nhello",
    ],
    ids=["length", "no last chunk", "inside a chunk", "no chunk size", "no line end"],
)
def test_an_answer_that_breaks_off_is_cut(answer: str) -> None:
    def serve(peer: Peer) -> None:
        peer.receive()
        peer.send(answer)

    with calling(serve) as (server, upstream):
        assert broken(upstream.send("GET", server.url, stream=True)) == (b"hello", "cut", True)


def test_what_comes_behind_an_answer_is_no_other_answer() -> None:
    def serve(peer: Peer) -> None:
        for _ in peer.requests():
            peer.send(f"{OK}Content-Length: 2\r\n\r\nok{OK}Content-Length: 3\r\n\r\nbad")

    with calling(serve) as (server, upstream):
        texts = [upstream.send("POST", server.url, body=b"x").text for _ in range(2)]
        assert (texts, server.accepted) == (["ok", "ok"], 2)


def test_an_answer_read_whole_that_breaks_off_is_cut() -> None:
    def serve(peer: Peer) -> None:
        peer.receive()
        peer.send(f"{OK}Content-Length: 9\r\n\r\nhello")

    with calling(serve) as (server, upstream), pytest.raises(UpstreamError, match="closed the connection"):
        upstream.send("GET", server.url)


def test_an_answer_that_stalls_runs_into_the_timeout() -> None:
    def serve(peer: Peer) -> None:
        peer.receive()
        peer.send(f"{OK}Content-Length: 9\r\n\r\nhello")
        peer.ended()

    with calling(serve) as (server, upstream):
        assert broken(upstream.send("GET", server.url, stream=True, timeout=0.1)) == (b"hello", "timeout", True)


def test_a_reset_is_cut() -> None:
    def serve(peer: Peer) -> None:
        peer.receive()
        peer.send(f"{OK}\r\nhello")
        peer.reset()

    with calling(serve) as (server, upstream):
        response = upstream.send("GET", server.url, stream=True)
        assert broken(response)[1:] == ("cut", True)


@pytest.mark.parametrize("read_first", [True, False], ids=["begun", "not begun"])
@pytest.mark.parametrize("how", ["close", "drop"])
def test_an_abandoned_stream_closes_its_connection(read_first: bool, how: str) -> None:
    ended = Event()

    def serve(peer: Peer) -> None:
        peer.receive()
        peer.send(f"{CHUNKED}5\r\nhello\r\n")
        if peer.ended():
            ended.set()

    with calling(serve) as (server, upstream):
        stream = pieces(upstream.send("GET", server.url, stream=True))
        if read_first:
            next(stream)
        if how == "close":
            stream.close()
        del stream
        gc.collect()
        assert ended.wait(20)
