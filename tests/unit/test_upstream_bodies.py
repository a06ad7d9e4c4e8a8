"""Bodies on their way out: framing, early refusals, and what the provider sees when one breaks off."""

import socket
from queue import Queue
from threading import Event

import pytest

from managed_files.errors import LengthChanged, SpoolBroken, UpstreamError
from managed_files.upstream import Body
from tests.raw_server import Peer, Received, SizedSteps, Steps, calling, echo

BLOCK = b"x" * 262_144


@pytest.mark.parametrize(
    ("body", "framing"),
    [
        (b"abc" * 200_000, {"content-length": "600000"}),
        (SizedSteps(600_000, *[b"abc" * 1000] * 200), {"content-length": "600000"}),
        (Steps(*[b"abc" * 1000] * 200), {"transfer-encoding": "chunked"}),
    ],
    ids=["bytes", "sized", "chunked"],
)
def test_a_body_arrives_whole(body: bytes | Body, framing: dict[str, str]) -> None:
    with calling(echo) as (server, upstream):
        text = upstream.send("POST", server.url, body=body).text
        received = server.received[0]
        told = {name: value for name, value in received.headers.items() if name.endswith(("-length", "-encoding"))}
        assert (text, told) == ("abc" * 200_000, {"accept-encoding": "identity", **framing})


@pytest.mark.parametrize("body", [Steps(), SizedSteps(0), b""], ids=["chunked", "sized", "bytes"])
def test_an_empty_body(body: bytes | Body) -> None:
    with calling(echo) as (server, upstream):
        assert upstream.send("POST", server.url, body=body).text == ""


@pytest.mark.parametrize("steps", [(b"abc", b"d"), (b"abc", b"def", b"g")], ids=["too short", "too long"])
def test_a_body_of_another_length_than_told_never_looks_complete(steps: tuple[bytes, ...]) -> None:
    seen: Queue[Received | None] = Queue()
    with calling(lambda peer: seen.put(peer.receive())) as (server, upstream):
        with pytest.raises(LengthChanged):
            upstream.send("POST", server.url, body=SizedSteps(5, *steps))
        received = seen.get(timeout=20)
    assert (received and received.complete) is False


@pytest.mark.parametrize("make", [Steps, lambda *steps: SizedSteps(1_000_000, *steps)], ids=["chunked", "sized"])
def test_a_client_that_went_away_leaves_a_truncated_body(make: type[Steps]) -> None:
    gone = SpoolBroken("The client went away.")
    seen: Queue[Received | None] = Queue()
    with calling(lambda peer: seen.put(peer.receive())) as (server, upstream):
        with pytest.raises(SpoolBroken) as caught:
            upstream.send("POST", server.url, body=make(b"abc", b"def", gone))
        received = seen.get(timeout=20)
    assert (caught.value is gone, received and (received.body, received.complete)) == (True, (b"abcdef", False))


def test_a_refusal_before_the_end_stops_the_upload() -> None:
    answered = Event()

    def refuse(peer: Peer) -> None:
        peer.head()
        peer.answer("too large", "413 Payload Too Large")
        answered.set()
        peer.rfile.read()

    body = SizedSteps(100 * len(BLOCK), BLOCK, answered, *[BLOCK] * 99)
    with calling(refuse) as (server, upstream):
        response = upstream.send("POST", server.url, body=body)
        assert (response.status_code, response.text, len(body.steps)) == (413, "too large", 98)


def test_a_refusal_is_found_although_the_connection_was_reset() -> None:
    def refuse(peer: Peer) -> None:
        peer.head()
        peer.answer("who are you", "401 Unauthorized")  # and closes with bytes unread, which resets the connection

    body = SizedSteps(400 * len(BLOCK), *[BLOCK] * 400)
    with calling(refuse) as (server, upstream):
        response = upstream.send("POST", server.url, body=body)
        assert (response.status_code, response.text) == (401, "who are you")


def test_after_an_early_refusal_the_connection_is_not_used_again() -> None:
    answered = Event()

    def refuse(peer: Peer) -> None:
        peer.head()
        peer.answer("no", "403 Forbidden")
        answered.set()
        peer.rfile.read()

    with calling(refuse) as (server, upstream):
        upstream.send("POST", server.url, body=Steps(b"a", answered, b"b", b"c"))
        upstream.send("POST", server.url, body=b"d")
        assert server.accepted == 2


def test_an_early_success_does_not_stop_the_upload() -> None:
    answered = Event()

    def hasty(peer: Peer) -> None:
        received = peer.head()
        assert received is not None
        peer.answer("fine")
        answered.set()
        peer.read_body(received)

    with calling(hasty) as (server, upstream):
        text = upstream.send("POST", server.url, body=Steps(b"a", answered, b"b", b"c")).text
    assert (text, server.received[0].body, server.received[0].complete) == ("fine", b"abc", True)


def test_a_success_is_not_believed_when_the_body_could_not_be_sent() -> None:
    closed = Event()

    def hasty(peer: Peer) -> None:
        peer.head()
        peer.answer("fine")
        peer.reset()
        closed.set()

    body = Steps(b"a", closed, *[BLOCK] * 100)
    with calling(hasty) as (server, upstream), pytest.raises(UpstreamError) as caught:
        upstream.send("POST", server.url, body=body)
    assert (caught.value.kind, caught.value.sent) == ("cut", True)


def test_a_provider_that_stops_reading_runs_into_the_timeout() -> None:
    done = Event()

    def stall(peer: Peer) -> None:
        peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.head()
        done.wait(20)

    with calling(stall) as (server, upstream):
        with pytest.raises(UpstreamError) as caught:
            upstream.send("POST", server.url, body=Steps(*[BLOCK] * 400), timeout=0.2)
        done.set()
    assert (caught.value.kind, caught.value.sent) == ("timeout", True)
