"""Clients that go away in the middle of an upload leave nothing behind."""

import socket
import time
from contextlib import ExitStack

from openai import OpenAI

from tests.e2e import raw
from tests.e2e.gateway import Gateway, wait_until
from tests.e2e.providers import Providers
from tests.e2e.rows import states

HALF = bytes(range(256)) * 1024  # 256 KiB: enough to fill every buffer on the way
WHOLE = raw.form(HALF + HALF)
UNTIL_HALF = WHOLE[: len(HALF)]


def settled(providers: Providers, url: str) -> bool:
    """Whether every upload has ended, one way or the other, here and at the providers."""
    return providers.idle() and set(states(url)) <= {"deleting"}


def begun_at_vertex(providers: Providers) -> None:
    """Waits until Cloud Storage has opened a session, into which a chunk of 8 MiB goes at once or at the end."""
    providers.google.wait_for(lambda request: request.path.startswith("/upload/") and request.finished)


def test_nothing_stays_of_a_client_that_went_away(
    client: OpenAI, gateway: Gateway, providers: Providers, url: str
) -> None:
    with raw.upload(gateway) as upload:
        upload.begin(f"Content-Length: {len(WHOLE)}")
        upload.send(UNTIL_HALF)
        begun_at_vertex(providers)
        providers.openai.wait_for(lambda request: request.path == "/v1/files" and request.size > 0)
    wait_until(lambda: settled(providers, url), "the upload is given up")
    assert (providers.stored(), client.files.list().data) == ({}, [])


def test_nothing_stays_of_a_chunked_upload_that_stopped(
    client: OpenAI, gateway: Gateway, providers: Providers, url: str
) -> None:
    with raw.upload(gateway) as upload:
        upload.begin("Transfer-Encoding: chunked")
        upload.send_chunk(UNTIL_HALF)
        begun_at_vertex(providers)
    wait_until(lambda: settled(providers, url), "the upload is given up")
    assert (providers.stored(), client.files.list().data) == ({}, [])


def test_clients_that_do_not_hang_up_keep_nobody_waiting(gateway: Gateway) -> None:
    """gunicorn by itself waits two seconds for each, and accepts nobody meanwhile."""
    with ExitStack() as opened:
        began = time.monotonic()
        for _ in range(6):
            sock = opened.enter_context(socket.create_connection(("127.0.0.1", gateway.port), timeout=20))
            sock.sendall(b"GET /health/liveliness HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
            assert sock.recv(12) == b"HTTP/1.1 200"
        assert time.monotonic() - began < 4
