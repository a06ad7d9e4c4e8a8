"""The whole gateway killed at the worst moments: what it had begun is cleaned up, what it had stored is kept."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import psutil
import pytest
from openai import OpenAI

from managed_files.sandbox import Fault
from tests import files
from tests.e2e import gateway as gateways
from tests.e2e import raw
from tests.e2e.calls import stream_text, upload
from tests.e2e.gateway import MASTER_KEY, Gateway, wait_until
from tests.e2e.providers import GPT, Providers, configuration
from tests.e2e.rows import make_due, states
from tests.sdk import openai_at

SHORT = raw.form(files.pdf().data)
LONG = raw.form(bytes(512 * 1024))


@pytest.fixture
def doomed(providers: Providers, url: str, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway of this test's own."""
    with gateways.gateway(configuration(providers, database_url=url, reconcile_interval=3600), tmp_path) as running:
        yield running


def reconcile(gateway: Gateway, url: str) -> None:
    """Two passes: a copy whose id nobody knows is looked for twice."""
    for _ in range(2):
        make_due(url)
        gateway.command("reconcile", "--once")


def test_killed_while_the_file_arrives(doomed: Gateway, providers: Providers, url: str) -> None:
    with raw.upload(doomed) as upload:
        upload.begin(f"Content-Length: {len(LONG)}")
        upload.send(LONG[: len(LONG) // 2])
        providers.openai.wait_for(lambda request: request.path == "/v1/files" and request.size > 0)
        doomed.kill()
    reconcile(doomed, url)
    assert (providers.stored(), states(url)) == ({}, [])


@pytest.mark.parametrize("slow", [{"openai"}, {"google"}, {"openai", "google"}], ids=sorted)
def test_killed_after_a_provider_stored_the_file_and_before_it_said_so(
    doomed: Gateway, providers: Providers, url: str, gate: Event, slow: set[str]
) -> None:
    last_requests = {"openai": ("POST", "/v1/files"), "google": ("PUT", "/upload/")}
    for name in slow:
        method, path = last_requests[name]
        getattr(providers, name).inject(Fault(method=method, path=path, gate=gate))
    with raw.upload(doomed) as upload:
        upload.begin(f"Content-Length: {len(SHORT)}")
        upload.send(SHORT)
        wait_until(lambda: len(providers.stored()) == 2, "both providers have stored the file")
        doomed.kill()
    gate.set()
    reconcile(doomed, url)
    assert (providers.stored(), states(url)) == ({}, [])


def test_a_stream_may_end_after_a_sigterm(doomed: Gateway, providers: Providers, gate: Event) -> None:
    providers.openai.inject(Fault(path="/v1/chat", gate=gate))
    with client_of(doomed) as client, ThreadPoolExecutor(1) as reader:
        words = reader.submit(stream_text, client, GPT)
        providers.openai.wait_for(lambda request: request.path == "/v1/chat/completions" and request.status == 200)
        doomed.terminate()
        wait_until(lambda: not doomed.serving(), "the gateway takes no more requests")
        gate.set()
        assert (words.result(20), doomed.process.wait(20)) == ("You said: What is in it?", 0)


def test_the_embedded_database_keeps_what_was_stored(providers: Providers, open_folder: Path) -> None:
    config = configuration(providers, data_dir=str(open_folder / "data"))
    with gateways.gateway(config, open_folder) as first, client_of(first) as client:
        file = upload(client)
        postmaster(open_folder / "data").kill()
        wait_until(lambda: b"it was started again" in first.log.read_bytes(), "the database runs again")
        wait_until(first.ready, "the gateway is ready")
        assert client.files.retrieve(file.id) == file
        database = postmaster(open_folder / "data")
        first.kill(database)
    with gateways.gateway(config, open_folder) as second, client_of(second) as client:
        assert (gateways.dead(database), client.files.retrieve(file.id)) == (True, file)


def client_of(gateway: Gateway) -> OpenAI:
    return openai_at(gateway.url, MASTER_KEY)


def postmaster(data: Path) -> psutil.Process:
    return psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().split()[0]))
