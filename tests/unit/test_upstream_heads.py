"""The head of an answer, read by hand: whole or in pieces, in every shape that servers still send."""

from http.client import BadStatusLine, HTTPException, LineTooLong, RemoteDisconnected
from socket import SHUT_WR, socket, socketpair
from threading import Thread

import pytest

from managed_files.upstream.pool import readable
from managed_files.upstream.response import Answer

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
LENGTH = {"Content-Length": "5"}
BLOCK = 1 << 16
LONG = "x" * 9000  # more than one read takes from a socket


def seen(*pieces: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, fields and body of an answer that arrives in these pieces, each sent when the last one was taken."""
    ours, theirs = socketpair()
    with ours, theirs:
        writer = Thread(target=deliver, args=(theirs, ours, pieces))
        writer.start()
        answer = Answer(ours, "GET")
        try:
            answer.begin()
            return answer.status, dict(answer.fields.items()), b"".join(iter(lambda: answer.read1(BLOCK), b""))
        finally:
            while ours.recv(1 << 16):  # what a refused answer still holds, so that its writer ends
                pass
            writer.join()


def deliver(theirs: socket, ours: socket, pieces: tuple[bytes, ...]) -> None:
    for piece in pieces:
        while readable(ours):
            pass
        theirs.sendall(piece)
    theirs.shutdown(SHUT_WR)


@pytest.mark.parametrize(
    ("head", "fields"),
    [
        (b"X-A: one\r\n two\r\n\tthree\r\n\r\n", {"X-A": "one two three"}),
        (b"X-A: one\r\nx-a: two\r\n\r\n", {"x-a": "one, two"}),
        (b"Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\n\r\n", {"Set-Cookie": "a=1; Path=/, b=2"}),
        (b"X-A: one\nX-B: two\n\n", {"X-A": "one", "X-B": "two"}),
        (b"X-A:one\r\nX-B:\r\nX-C: d:e\r\n\r\n", {"X-A": "one", "X-B": "", "X-C": "d:e"}),
        (f"X-A: {LONG}\r\n\r\n".encode(), {"X-A": LONG}),
        (b"X-A: caf\xe9\r\n\r\n", {"X-A": "café"}),
    ],
    ids=["folded", "twice", "cookies", "bare line feeds", "spaces", "long", "latin-1"],
)
@pytest.mark.parametrize("cut", [0, 5, 17, 40, 45, 48], ids=str)
def test_a_head_reads_the_same_however_it_arrives(head: bytes, fields: dict[str, str], cut: int) -> None:
    answer = OK + head + b"hello"
    pieces = (answer[:cut], answer[cut:]) if cut else (answer,)
    assert seen(*pieces) == (200, LENGTH | fields, b"hello")


def test_a_blank_line_in_the_body_is_the_bodys() -> None:
    assert seen(b"HTTP/1.1 200 OK\nContent-Length: 7\n\na\r\n\r\nbc") == (200, {"Content-Length": "7"}, b"a\r\n\r\nbc")


def test_interim_answers_are_passed_over() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    assert seen(interim + OK[:9], OK[9:] + b"\r\nhello") == (200, LENGTH, b"hello")


@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        ((b"HTTP/1.1 200 OK\r\nX-A: 1\r\n",), RemoteDisconnected),
        ((b"HTTP/1.1 200",), RemoteDisconnected),
        ((b"HTTP/1.1 100 Continue\r\n\r\n",), RemoteDisconnected),
        ((OK + b"no colon\r\n\r\n",), HTTPException),
        ((OK, b"no colon\r\n\r\n"), HTTPException),
        ((OK + b"X: y\r\n" * 100 + b"\r\n",), HTTPException),
        ((OK, b"X: y\r\n" * 100 + b"\r\n"), HTTPException),
        ((OK + b"X: " + b"y" * 70_000,), LineTooLong),
        ((OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",), HTTPException),
        ((b"\r\n\r\nhello",), BadStatusLine),
        ((b"\r\n", b"\r\nhello"), BadStatusLine),
        ((b"SSH-2.0-OpenSSH\r\n",), BadStatusLine),
        ((b"HTTP/1.1 99 Low\r\n\r\n",), BadStatusLine),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",), ValueError),
    ],
)
def test_what_is_no_head_is_refused(pieces: tuple[bytes, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        seen(*pieces)
