"""Proxies and certificate authorities, as the environment names them."""

from contextlib import closing
from pathlib import Path
from threading import Event
from urllib.parse import SplitResult, urlsplit

import pytest

from managed_files.errors import ConfigError, UpstreamError
from managed_files.upstream import Upstream
from managed_files.upstream.environment import Environment
from tests.raw_server import Certificate, Peer, Steps, certificate, echo, serving

PROXY = "http://proxy:3128"


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize(
    ("variables", "scheme", "host", "proxy"),
    [
        ({}, "https", "api.test", None),
        ({"HTTPS_PROXY": PROXY}, "https", "api.test", PROXY),
        ({"HTTPS_PROXY": PROXY}, "http", "api.test", None),
        ({"HTTP_PROXY": PROXY}, "http", "api.test", PROXY),
        ({"ALL_PROXY": PROXY}, "https", "api.test", PROXY),
        ({"HTTPS_PROXY": "http://other", "https_proxy": PROXY}, "https", "api.test", PROXY),
        ({"https_proxy": "", "HTTPS_PROXY": PROXY}, "https", "api.test", PROXY),
        ({"https_proxy": "proxy:3128"}, "https", "api.test", PROXY),
        ({"https_proxy": PROXY}, "https", "localhost", None),
        ({"https_proxy": PROXY}, "https", "127.0.0.2", None),
        ({"https_proxy": PROXY}, "https", "::1", None),
        ({"https_proxy": PROXY, "no_proxy": "*"}, "https", "api.test", None),
        ({"https_proxy": PROXY, "no_proxy": "a.b, API.test"}, "https", "api.test", None),
        ({"https_proxy": PROXY, "no_proxy": ".test"}, "https", "api.test", None),
        ({"https_proxy": PROXY, "no_proxy": "*.test"}, "https", "api.test", None),
        ({"https_proxy": PROXY, "no_proxy": "test:443"}, "https", "api.test", None),
        ({"https_proxy": PROXY, "no_proxy": "test:80,i.test,,"}, "https", "api.test", PROXY),
        ({"https_proxy": PROXY, "no_proxy": "10.0.0.0/8"}, "https", "10.2.3.4", None),
        ({"https_proxy": PROXY, "no_proxy": "10.0.0.0/8,::/0"}, "https", "11.2.3.4", PROXY),
    ],
)
def test_the_proxy_of_an_origin(variables: dict[str, str], scheme: str, host: str, proxy: str | None) -> None:
    decided: SplitResult | None = Environment(variables).proxy(scheme, host, 443)
    assert decided == (None if proxy is None else urlsplit(proxy))


def test_a_proxy_in_plain_http() -> None:
    with serving(echo) as proxy:
        environ = {"http_proxy": f"http://me:p%40ss@127.0.0.1:{proxy.port}"}
        with closing(Upstream(environ=environ)) as upstream:
            text = upstream.send("POST", "http://api.test/x?y=1", body=b"hello").text
    received = proxy.received[0]
    assert (text, received.line, received.headers["host"], received.headers["proxy-authorization"]) == (
        "hello",
        "POST http://api.test/x?y=1 HTTP/1.1",
        "api.test",
        "Basic bWU6cEBzcw==",
    )


def test_a_tunnel_through_a_proxy(trusted: Certificate) -> None:
    def tunnel(peer: Peer) -> None:
        peer.head()
        peer.send("HTTP/1.1 200 Connection established\r\n\r\n")
        peer.encrypt(trusted.context)
        echo(peer)

    with serving(tunnel) as proxy:
        environ = {"https_proxy": f"http://me:pw@127.0.0.1:{proxy.port}", "SSL_CERT_FILE": str(trusted.path)}
        with closing(Upstream(environ=environ)) as upstream:
            texts = [upstream.send("POST", "https://provider.test/x", body=body).text for body in (b"a", b"b")]
    connect, first, second = proxy.received
    assert (texts, connect.line, connect.headers["proxy-authorization"], first.line, second.headers["host"]) == (
        ["a", "b"],
        "CONNECT provider.test:443 HTTP/1.0",
        "Basic bWU6cHc=",
        "POST /x HTTP/1.1",
        "provider.test",
    )


def test_a_proxy_that_refuses_is_no_leak_of_its_password() -> None:
    def refuse(peer: Peer) -> None:
        peer.head()
        peer.send("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    with serving(refuse) as proxy, pytest.raises(UpstreamError) as caught:
        Upstream(environ={"https_proxy": f"u:secret@127.0.0.1:{proxy.port}"}).send("GET", "https://provider.test/")
    assert (caught.value.kind, caught.value.sent, caught.value.message) == (
        "refused",
        False,
        "provider.test could not be reached: Tunnel connection failed: 407 Proxy Authentication Required.",
    )


@pytest.mark.parametrize("proxy", ["socks5://u:secret@proxy:1080", "http://u:secret@proxy:port"])
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(proxy: str) -> None:
    with pytest.raises(UpstreamError) as caught:
        Upstream(environ={"ALL_PROXY": proxy}).send("GET", "https://provider.test/")
    assert ("secret" in caught.value.message, caught.value.kind, caught.value.sent) == (False, "refused", False)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_bundle_from_the_environment_is_trusted(trusted: Certificate, variable: str) -> None:
    with serving(echo, trusted.context) as server, closing(Upstream(environ={variable: str(trusted.path)})) as upstream:
        texts = [upstream.send("POST", server.url, body=body).text for body in (b"a", b"b")]
        assert (texts, server.accepted) == (["a", "b"], 1)


def test_an_unknown_certificate_is_refused(trusted: Certificate, caplog: pytest.LogCaptureFixture) -> None:
    with serving(echo, trusted.context) as server, closing(Upstream(environ={})) as upstream:
        with pytest.raises(UpstreamError, match="certificate verify failed: self-signed certificate") as caught:
            upstream.send("POST", server.url, body=b"a")
        assert (caught.value.kind, caught.value.sent, server.received) == ("refused", False, [])
        assert caplog.messages == [caught.value.message]  # clients are not told


def test_a_bundle_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^The CA bundle .*/missing.pem cannot be read: No such file"):
        Upstream(environ={"SSL_CERT_FILE": str(tmp_path / "missing.pem")}).send("GET", "https://provider.test/")


@pytest.mark.parametrize("early", [True, False])
def test_under_tls_only_a_refusal_stops_an_upload(trusted: Certificate, early: bool) -> None:
    """Session tickets arrive unasked after the handshake, and are not an answer."""
    answered = Event()

    def serve(peer: Peer) -> None:
        received = peer.head()
        assert received is not None
        if early:
            peer.answer("no", "401 Unauthorized")
        answered.set()
        peer.read_body(received)
        if not early:
            peer.answer(str(len(received.body)))

    body = Steps(b"x" * 100_000, answered, b"x" * 100_000, b"x" * 100_000)
    environ = {"SSL_CERT_FILE": str(trusted.path)}
    with serving(serve, trusted.context) as server, closing(Upstream(environ=environ)) as upstream:
        assert upstream.send("POST", server.url, body=body).text == ("no" if early else "300000")


def test_under_tls_what_comes_behind_an_answer_is_no_other_answer(trusted: Certificate) -> None:
    """All of it came in one record, of which the rest waits where the kernel does not see it."""
    ok = "HTTP/1.1 200 OK\r\nContent-Length: "

    def serve(peer: Peer) -> None:
        for _ in peer.requests():
            peer.send(f"{ok}2\r\n\r\n")
            peer.send(f"ok{ok}3\r\n\r\nbad")

    environ = {"SSL_CERT_FILE": str(trusted.path)}
    with serving(serve, trusted.context) as server, closing(Upstream(environ=environ)) as upstream:
        assert [upstream.send("POST", server.url, body=b"x").text for _ in range(3)] == ["ok"] * 3


def test_a_handshake_that_does_not_come_runs_into_the_timeout() -> None:
    with serving(lambda peer: peer.rfile.read()) as server, pytest.raises(UpstreamError) as caught:
        Upstream(connect_timeout=0.1, environ={}).send("GET", f"https://127.0.0.1:{server.port}/")
    assert (caught.value.kind, caught.value.sent) == ("timeout", False)
