"""Clients that leave while their chat is silent: the provider's side is closed at once, and nobody else is asked."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.e2e import gateway as gateways
from tests.e2e.gateway import MASTER_KEY, Gateway, wait_until
from tests.raw_server import Peer, RawServer, serving

HEAD = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = "data: {}\n\n"


class Silent:
    """A provider that says so much of its answer and then nothing more."""

    def __init__(self) -> None:
        self.said = ""
        self.spoken, self.left = Event(), Event()

    def __call__(self, peer: Peer) -> None:
        peer.receive()
        peer.send(self.said)
        self.spoken.set()
        if peer.ended():
            self.left.set()


@pytest.fixture
def silent() -> Silent:
    return Silent()


@pytest.fixture
def provider(silent: Silent) -> Iterator[RawServer]:
    with serving(silent) as server:
        yield server


@pytest.fixture
def gateway(provider: RawServer, url: str, tmp_path: Path) -> Iterator[Gateway]:
    entry = {"model": "gpt-4o", "api_base": f"{provider.url}/v1", "api_key": "none"}
    config = {
        "model_list": [{"model_name": name, "litellm_params": entry} for name in ("first", "second")],
        "general_settings": {"master_key": MASTER_KEY, "database_url": url, "reconcile_interval": 3600},
        "router_settings": {"fallbacks": [{"first": ["second"]}], "num_retries": 3},
    }
    with gateways.gateway(config, tmp_path) as gateway:
        yield gateway


def asked(gateway: Gateway, *, stream: bool) -> socket.socket:
    body = json.dumps({"model": "first", "stream": stream, "messages": [{"role": "user", "content": "Hello"}]})
    head = f"POST /chat/completions HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {MASTER_KEY}\r\n"
    sock = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
    sock.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    return sock


@pytest.mark.parametrize(
    ("stream", "said", "status"),
    [(False, "", 499), (False, f"{HEAD}1\r\n{{\r\n", 499), (True, "", 499), (True, HEAD, 499)],
    ids=["no answer", "in the answer", "no stream", "no event"],
)
def test_before_its_answer_begins(
    stream: bool, said: str, status: int, gateway: Gateway, provider: RawServer, silent: Silent
) -> None:
    silent.said = said
    with asked(gateway, stream=stream):
        assert silent.spoken.wait(20)
    assert silent.left.wait(20)
    wait_until(lambda: f'"status": {status}' in gateway.log.read_text(), "the log tells of it")
    assert (provider.accepted, "Traceback" in gateway.log.read_text()) == (1, False)


def test_between_two_events(gateway: Gateway, provider: RawServer, silent: Silent) -> None:
    silent.said = f"{HEAD}{len(EVENT):x}\r\n{EVENT}\r\n"
    with asked(gateway, stream=True) as sock:
        heard = b""
        while EVENT.encode() not in heard:
            heard += sock.recv(4096)
    assert silent.left.wait(20)
    wait_until(lambda: "POST /chat/completions" in gateway.log.read_text(), "the log tells of it")
    assert (provider.accepted, "Traceback" in gateway.log.read_text()) == (1, False)
