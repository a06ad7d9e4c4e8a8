"""A provider that dies under load: its model's fallback answers, and no client sees an error."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from openai import OpenAI

from managed_files.sandbox import OpenAISandbox
from tests import files
from tests.e2e import gateway as gateways
from tests.e2e.calls import ask, question, stream_text, upload
from tests.e2e.gateway import MASTER_KEY
from tests.e2e.providers import AZURE, GEMINI, GPT, Providers, configuration
from tests.sdk import openai_at

REQUESTS, THREADS = 200, 8


@pytest.fixture
def mortal(providers: Providers) -> Iterator[Providers]:
    """The providers, with an OpenAI that only this test knows."""
    with OpenAISandbox() as openai:
        yield replace(providers, openai=openai)


@pytest.fixture
def client(mortal: Providers, url: str, tmp_path: Path) -> Iterator[OpenAI]:
    """A gateway that knows what to do without OpenAI."""
    routing = {"fallbacks": [{GPT: [AZURE, GEMINI]}], "num_retries": 2}
    config = configuration(mortal, database_url=url, reconcile_interval=3600) | {"router_settings": routing}
    with (
        gateways.gateway(config, tmp_path) as gateway,
        openai_at(gateway.url, MASTER_KEY) as client,
    ):
        yield client
        assert "Traceback" not in (said := gateway.log.read_text()), said


def test_no_client_notices(client: OpenAI, mortal: Providers) -> None:
    paper = files.pdf()
    file = upload(client, paper, target_model_names=f"{GPT}, {GEMINI}")
    killer = threading.Thread(target=stop_in_mid_flight, args=(mortal.openai,))
    killer.start()
    with ThreadPoolExecutor(THREADS) as pool:
        words = list(pool.map(lambda _: ask(client, GPT, file.id), range(REQUESTS)))
    killer.join()
    assert Counter(paper.sha256 in said for said in words) == {True: REQUESTS}


def test_streams_begin_elsewhere(client: OpenAI, mortal: Providers) -> None:
    paper = files.pdf()
    file = upload(client, paper, target_model_names=f"{GPT}, {GEMINI}")
    mortal.openai.stop()
    assert paper.sha256 in stream_text(client, GPT, file.id)


def test_the_answer_tells_who_gave_it(client: OpenAI, mortal: Providers) -> None:
    file = upload(client, target_model_names=f"{GPT}, {GEMINI}")
    mortal.openai.stop()
    answer = client.chat.completions.with_raw_response.create(model=GPT, messages=question(file.id))
    told = answer.headers["x-managed-files-deployment"], int(answer.headers["x-managed-files-attempts"]) > 1
    assert told == ("vertex_ai/gemini-2.0-flash", True)


def stop_in_mid_flight(server: OpenAISandbox) -> None:
    server.wait_for(lambda request: request.path.endswith("/chat/completions"), count=REQUESTS // 4)
    server.stop()
