"""Clients that leave while their chat is silent: the provider's side is closed at once, and nobody else is asked."""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from threading import Event
from typing import Any

import pytest

from tests.e2e import gateway as gateways
from tests.e2e.gateway import MASTER_KEY, Gateway, wait_until
from tests.raw_server import Peer, serving

HEAD = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = "data: {}\n\n"


class Silent:
    """A provider that says so much of its answer and then nothing more. `calls`: those it got."""

    def __init__(self) -> None:
        self.begin("")

    def begin(self, said: str) -> None:
        self.said, self.calls = said, 0
        self.spoken, self.left = Event(), Event()

    def __call__(self, peer: Peer) -> None:
        peer.receive()
        self.calls += 1
        peer.send(self.said)
        self.spoken.set()
        if peer.ended():
            self.left.set()


@pytest.fixture(scope="module")
def silent() -> Silent:
    return Silent()


@pytest.fixture(scope="module")
def gateway(silent: Silent, database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(silent) as provider:
        entry = {"model": "gpt-4o", "api_base": f"{provider.url}/v1", "api_key": "none"}
        config = {
            "model_list": [{"model_name": name, "litellm_params": entry} for name in ("first", "second")],
            "general_settings": {"master_key": MASTER_KEY, "database_url": database_url, "reconcile_interval": 3600},
            "router_settings": {"fallbacks": [{"first": ["second"]}], "num_retries": 3},
        }
        with gateways.gateway(config, tmp_path_factory.mktemp("gateway")) as gateway:
            yield gateway


def asked(gateway: Gateway, *, stream: bool) -> socket.socket:
    body = json.dumps({"model": "first", "stream": stream, "messages": [{"role": "user", "content": "Hello"}]})
    head = f"POST /chat/completions HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {MASTER_KEY}\r\n"
    sock = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
    sock.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    return sock


def given_up(gateway: Gateway, silent: Silent, logged: int) -> tuple[int, int]:
    """The status in the log, once it is there, and how often the provider was called."""
    assert silent.left.wait(20)
    wait_until(lambda: len(told(gateway)) > logged, "the log tells of it")
    return told(gateway)[logged]["status"], silent.calls


def told(gateway: Gateway) -> list[dict[str, Any]]:
    """The log's lines about chats, and that there is no traceback among them."""
    said = gateway.log.read_text()
    assert "Traceback" not in said
    return [json.loads(line) for line in said.splitlines() if '"route": "POST /chat/completions"' in line]


@pytest.mark.parametrize(
    ("stream", "said"),
    [(False, ""), (False, f"{HEAD}1\r\n{{\r\n"), (True, ""), (True, HEAD)],
    ids=["no answer", "in the answer", "no stream", "no event"],
)
def test_before_its_answer_begins(stream: bool, said: str, gateway: Gateway, silent: Silent) -> None:
    silent.begin(said)
    logged = len(told(gateway))
    with asked(gateway, stream=stream):
        assert silent.spoken.wait(20)
    assert given_up(gateway, silent, logged) == (499, 1)


def test_between_two_events(gateway: Gateway, silent: Silent) -> None:
    silent.begin(f"{HEAD}{len(EVENT):x}\r\n{EVENT}\r\n")
    logged = len(told(gateway))
    with asked(gateway, stream=True) as sock:
        heard = b""
        while EVENT.encode() not in heard:
            heard += sock.recv(4096)
    assert given_up(gateway, silent, logged) == (200, 1)


@pytest.mark.parametrize(
    ("stream", "said"),
    [(False, ""), (True, f"{HEAD}{len(EVENT):x}\r\n{EVENT}\r\n")],
    ids=["no answer", "between two events"],
)
def test_who_still_listens_is_told(stream: bool, said: str, gateway: Gateway, silent: Silent) -> None:
    silent.begin(said)
    with asked(gateway, stream=stream) as sock, HTTPResponse(sock) as answer:
        assert silent.spoken.wait(20)
        sock.shutdown(socket.SHUT_WR)
        answer.begin()
        told = answer.read().decode()
    assert json.loads(told.rpartition("data: ")[2])["error"]["message"].endswith("Keep it open.")
