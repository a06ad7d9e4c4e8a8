"""How stand-ins misbehave when told to, and what they record."""

import hashlib
import http.client
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from managed_files.sandbox import Fault, OpenAISandbox
from managed_files.sandbox.openai import DEFAULT_KEY

AUTH = {"Authorization": f"Bearer {DEFAULT_KEY}"}
CHAT = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "a rather long text " * 20}]}


@pytest.fixture
def sandbox() -> Iterator[OpenAISandbox]:
    with OpenAISandbox() as server:
        yield server


def upload(server: OpenAISandbox, data: bytes = b"%PDF-") -> requests.Response:
    return requests.post(
        f"{server.url}/v1/files",
        files={"file": ("p.pdf", data)},
        data={"purpose": "vision"},
        headers=AUTH,
        timeout=10,
    )


def stream(server: OpenAISandbox) -> requests.Response:
    url = f"{server.url}/v1/chat/completions"
    return requests.post(url, json={**CHAT, "stream": True}, headers=AUTH, stream=True, timeout=10)


def test_status_once_in_the_providers_words(sandbox):
    sandbox.inject(Fault(path="/v1/files", status=429, headers={"Retry-After": "7"}))
    first, second = upload(sandbox), upload(sandbox)
    assert (first.status_code, first.headers["Retry-After"], first.json()["error"]["code"], second.status_code) == (
        429,
        "7",
        "rate_limit_exceeded",
        200,
    )


def test_counted_faults_happen_in_order_before_lasting_ones(sandbox):
    sandbox.inject(Fault(path="/v1/files", status=500, times=None))
    sandbox.inject(Fault(path="/v1/files", status=503))
    sandbox.inject(Fault(path="/v1/files", status=429))
    assert [upload(sandbox).status_code for _ in range(4)] == [503, 429, 500, 500]


def test_own_body(sandbox):
    sandbox.inject(Fault(method="GET", path="/v1/models$", status=502, body=b"<html>"))
    assert requests.get(f"{sandbox.url}/v1/models", headers=AUTH, timeout=10).text == "<html>"


@pytest.mark.parametrize(("cut", "stored"), [("before", 0), ("mid_body", 0), ("after_commit", 1)])
def test_cut_connection(sandbox, cut, stored):
    sandbox.inject(Fault(path="/v1/files", cut=cut))
    with pytest.raises(requests.ConnectionError):
        upload(sandbox, b"x" * 3_000_000)
    record = sandbox.wait_for(lambda recorded: recorded.finished)[0]
    assert (record.error, record.status, len(sandbox.files)) == (f"cut {cut}", None, stored)


def test_cut_stream(sandbox):
    sandbox.inject(Fault(path="/v1/chat", cut="mid_stream"))
    with stream(sandbox) as answer:
        pieces = answer.iter_content(None)
        assert next(pieces).startswith(b"data: ")
        with pytest.raises(requests.RequestException):
            list(pieces)


def test_cut_plain_answer(sandbox):
    sandbox.inject(Fault(path="/v1/chat", cut="mid_stream"))
    with pytest.raises(requests.RequestException):
        requests.post(f"{sandbox.url}/v1/chat/completions", json=CHAT, headers=AUTH, timeout=10)


def test_gate_holds_a_stream_after_its_first_piece(sandbox):
    gate = threading.Event()
    sandbox.inject(Fault(path="/v1/chat", gate=gate))
    with stream(sandbox) as answer:
        first = answer.raw.read(7)
        held = len(sandbox.requests[0].sent)
        gate.set()
        assert (first, held, answer.raw.read().endswith(b"data: [DONE]\n\n")) == (b"data: {", 1, True)


def test_delay(sandbox):
    sandbox.inject(Fault(method="GET", path="/v1/models", delay=0.2))
    started = time.monotonic()
    requests.get(f"{sandbox.url}/v1/models", headers=AUTH, timeout=10)
    assert time.monotonic() - started >= 0.2


def test_receive_rate(sandbox):
    sandbox.receive_rate = 2_000_000
    started = time.monotonic()
    answer = upload(sandbox, b"x" * 500_000)
    assert (answer.status_code, 0.25 <= time.monotonic() - started < 2) == (200, True)


def test_small_body_is_recorded_whole(sandbox):
    requests.post(f"{sandbox.url}/v1/chat/completions?a=b", json=CHAT, headers=AUTH, timeout=10)
    record = sandbox.requests[0]
    assert (record.method, record.path, record.query, record.json(), record.status) == (
        "POST",
        "/v1/chat/completions",
        {"a": "b"},
        CHAT,
        200,
    )


def test_large_body_is_recorded_by_digest(sandbox):
    body = b"x" * 1_100_000
    headers = {**AUTH, "Content-Type": "application/json"}
    requests.post(f"{sandbox.url}/v1/chat/completions", data=body, headers=headers, timeout=10)
    record = sandbox.requests[0]
    assert (record.body, record.size, record.sha256) == (None, len(body), hashlib.sha256(body).hexdigest())


def test_wait_for_sees_a_body_that_still_arrives(sandbox):
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"))
    connection.putrequest("POST", "/v1/files")
    headers = {**AUTH, "Content-Type": "multipart/form-data; boundary=x", "Content-Length": "100"}
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(b"--x\r\n")
    seen = sandbox.wait_for(lambda recorded: recorded.size == 5)[0].finished
    connection.close()
    gone = sandbox.wait_for(lambda recorded: recorded.finished)[0].error
    assert (seen, gone, dict(sandbox.files)) == (False, "client gone: ClientGone", {})


def test_wait_for_gives_up(sandbox):
    with pytest.raises(TimeoutError, match="0 of 1 requests"):
        sandbox.wait_for(lambda recorded: True, timeout=0.01)


def test_reset_forgets(sandbox):
    upload(sandbox)
    sandbox.inject(Fault(path="/v1/files", status=500))
    sandbox.reset()
    assert (len(sandbox.requests), dict(sandbox.files), upload(sandbox).status_code) == (0, {}, 200)


def test_refuses_connections_while_stopped_and_starts_again():
    server = OpenAISandbox().start()
    url = server.url
    server.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)
    with server:
        assert (server.url, upload(server).status_code) == (url, 200)
