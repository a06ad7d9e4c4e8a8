"""The door to HTTP against real sockets: requests on the wire, connections kept and lost, failures named."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from managed_files import tracing
from managed_files.errors import UpstreamError
from managed_files.upstream import Upstream, pool
from tests.raw_server import Peer, Script, calling, echo, echo_once

SECRET = "sk-do-not-tell"


def failure(upstream: Upstream, method: str, url: str, *, timeout: float | None = None) -> tuple[str, bool]:
    with pytest.raises(UpstreamError) as caught:
        upstream.send(method, url, timeout=timeout)
    return caught.value.kind, caught.value.sent


def test_a_request_on_the_wire() -> None:
    with calling(echo) as (server, upstream):
        upstream.send("post", f"{server.url}/v1/x?y=1#z", headers={"authorization": "Bearer k"}, body=b"{}")
        received = server.received[0]
    assert (received.line, received.headers, received.body) == (
        "POST /v1/x?y=1 HTTP/1.1",
        {
            "host": f"127.0.0.1:{server.port}",
            "user-agent": "managed-files",
            "accept": "*/*",
            "accept-encoding": "identity",
            "authorization": "Bearer k",
            "content-length": "2",
        },
        b"{}",
    )


def test_an_answer() -> None:
    def answer(peer: Peer) -> None:
        peer.head()
        peer.send('HTTP/1.1 429 Slow Down\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 7\r\n\r\n{"a":1}')

    with calling(answer) as (server, upstream):
        response = upstream.send("GET", server.url)
    assert (response.status_code, response.reason, response.headers["X-A"], response.json()) == (
        429,
        "Slow Down",
        "1, 2",
        {"a": 1},
    )


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("DELETE", None), ("POST", "0"), ("PUT", "0")])
def test_without_a_body_a_length_is_told_only_where_one_is_expected(method: str, length: str | None) -> None:
    with calling(echo) as (server, upstream):
        upstream.send(method, server.url)
        assert server.received[0].headers.get("content-length") == length


def test_every_call_is_counted() -> None:
    with calling(echo) as (server, upstream):
        trace = tracing.start("r")
        upstream.send("GET", server.url)
        upstream.send("GET", server.url)
        assert trace.upstream_calls == 2


def test_connections_are_kept() -> None:
    with calling(echo) as (server, upstream):
        texts = [upstream.send("POST", server.url, body=body).text for body in (b"a", b"b", b"c")]
        assert (texts, server.accepted) == (["a", "b", "c"], 1)


def test_no_more_connections_are_kept_than_allowed() -> None:
    with calling(echo, max_idle=1) as (server, upstream):
        for _ in range(2):
            open_together = [upstream.send("POST", server.url, body=b"x", stream=True) for _ in range(2)]
            assert [response.text for response in open_together] == ["x", "x"]
        assert server.accepted == 3


def test_a_connection_that_rested_too_long_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.0)
    with calling(echo) as (server, upstream):
        upstream.send("GET", server.url)
        upstream.send("GET", server.url)
        assert server.accepted == 2


def test_connection_close_is_obeyed() -> None:
    def answer(peer: Peer) -> None:
        peer.receive()
        peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")

    with calling(answer) as (server, upstream):
        texts = [upstream.send("POST", server.url).text for _ in range(2)]
        assert (texts, server.accepted) == (["ok", "ok"], 2)


def test_a_connection_that_the_provider_closed_meanwhile_is_thrown_away() -> None:
    closed = Event()

    def once(peer: Peer) -> None:
        echo_once(peer)
        peer.connection.shutdown(socket.SHUT_RDWR)
        closed.set()

    with calling(once) as (server, upstream):
        upstream.send("POST", server.url, body=b"a")
        assert closed.wait(20)
        assert (upstream.send("POST", server.url, body=b"b").text, server.accepted) == ("b", 2)


def drop_second(peer: Peer) -> None:
    """Answers a connection's first request, reads the second and hangs up."""
    echo_once(peer)
    peer.receive()


def test_an_idempotent_call_is_repeated_on_a_fresh_connection() -> None:
    with calling(drop_second) as (server, upstream):
        texts = [upstream.send("PUT", server.url, body=body).text for body in (b"a", b"b")]
        assert (texts, server.accepted, len(server.received)) == (["a", "b"], 2, 3)


def test_a_post_that_may_have_been_read_is_not_repeated() -> None:
    with calling(drop_second) as (server, upstream):
        upstream.send("POST", server.url)
        assert (failure(upstream, "POST", server.url), len(server.received)) == (("cut", True), 2)


def test_a_post_that_never_left_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[socket.socket] = []
    done = Event()
    connect = socket.create_connection

    def recorded(*args: object) -> socket.socket:
        opened.append(connect(*args))  # type: ignore[arg-type]  # passed on as they came
        return opened[-1]

    def hold(peer: Peer) -> None:
        echo_once(peer)
        done.wait(20)

    monkeypatch.setattr(socket, "create_connection", recorded)
    with calling(hold) as (server, upstream):
        upstream.send("POST", server.url, body=b"a")
        opened[0].shutdown(socket.SHUT_WR)  # still silent, so it passes for alive, but takes not one byte
        answer = upstream.send("POST", server.url, body=b"b")
        done.set()
        assert (answer.text, server.accepted) == ("b", 2)


def test_a_fresh_connection_that_breaks_is_not_tried_again() -> None:
    with calling(lambda peer: peer.receive()) as (server, upstream):
        assert (failure(upstream, "GET", server.url), server.accepted) == (("cut", True), 1)


def test_no_answer_in_time() -> None:
    with calling(lambda peer: peer.receive() and peer.ended()) as (server, upstream):
        assert failure(upstream, "GET", server.url, timeout=0.05) == ("timeout", True)


def test_nobody_listens() -> None:
    with calling(echo) as (server, upstream):
        url = server.url
    assert failure(upstream, "POST", url) == ("refused", False)


@pytest.mark.parametrize(
    "url",
    ["ftp://host/x", "host/x", "http://", "http://host:port/", "http://u:p@host/", "http://[::1/", "http://h/a b"],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with calling(echo) as (_, upstream):
        assert failure(upstream, "GET", url) == ("refused", False)


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "é\u2019"])
def test_a_header_cannot_end_its_line(value: str) -> None:
    with calling(echo) as (server, upstream):
        with pytest.raises(UpstreamError, match="header 'x-name' is not one line"):
            upstream.send("GET", server.url, headers={"x-name": value})
        assert server.accepted == 0


@pytest.mark.parametrize("script", [Peer.head, lambda peer: peer.head() and peer.send("garbage\r\n\r\n")])
def test_a_failure_names_the_host_and_no_secret(script: Script) -> None:
    with calling(script) as (server, upstream), pytest.raises(UpstreamError) as caught:
        upstream.send("POST", f"{server.url}/x?key={SECRET}", headers={"Authorization": SECRET}, body=b"{}")
    assert (SECRET in repr(caught.value), caught.value.message) == (
        False,
        "127.0.0.1 closed the connection before its answer was complete.",
    )


def test_interim_answers_are_passed_over() -> None:
    def answer(peer: Peer) -> None:
        peer.receive()
        peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        peer.answer("done")

    with calling(answer) as (server, upstream):
        assert upstream.send("GET", server.url).text == "done"


def test_sixteen_threads_get_their_own_answers() -> None:
    def call(number: int) -> str:
        return upstream.send("POST", server.url, body=str(number).encode()).text

    with calling(echo) as (server, upstream), ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(call, range(400)))
        assert (answers, server.accepted <= 16) == ([str(number) for number in range(400)], True)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_opens_its_own_connections() -> None:
    with calling(echo) as (server, upstream):
        upstream.send("GET", server.url)
        if (child := os.fork()) == 0:
            os._exit(upstream.send("POST", server.url, body=b"child").text != "child")
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        text = upstream.send("POST", server.url, body=b"parent").text
        assert (code, text, server.accepted) == (0, "parent", 2)
