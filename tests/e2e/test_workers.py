"""Several worker processes and many clients at once: nobody gets anybody else's file."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from openai import OpenAI

from tests import files
from tests.e2e import gateway as gateways
from tests.e2e.calls import ask, upload
from tests.e2e.gateway import MASTER_KEY, Gateway
from tests.e2e.providers import GEMINI, GPT, Providers, configuration
from tests.sdk import openai_at

PAPERS = [files.pdf(f"Paper number {number}") for number in range(24)]


@pytest.fixture
def team(providers: Providers, url: str, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway of three processes."""
    config = configuration(providers, database_url=url, reconcile_interval=3600)
    with gateways.gateway(config, tmp_path, "--workers", "3", "--threads", "32") as running:
        yield running


def life(gateway: Gateway, paper: files.Sample) -> tuple[bool, bool, bytes, bool]:
    """One file's life, each step on a connection of its own, so that any worker may serve it."""

    def client() -> OpenAI:
        return openai_at(gateway.url, MASTER_KEY)

    with client() as first, client() as second, client() as third, client() as last:
        file = upload(first, paper)
        seen = [paper.sha256 in ask(second, model, file.id) for model in (GPT, GEMINI)]
        content = third.files.content(file.id).read()
        return seen[0], seen[1], content, last.files.delete(file.id).deleted


def test_every_client_gets_its_own_file(team: Gateway) -> None:
    with ThreadPoolExecutor(len(PAPERS)) as clients:
        lives = list(clients.map(lambda paper: life(team, paper), PAPERS))
    assert lives == [(True, True, paper.data, True) for paper in PAPERS]


def test_all_workers_end_with_their_master(team: Gateway) -> None:
    master = psutil.Process(team.process.pid)
    gateways.wait_until(lambda: len(master.children()) == 3, "every worker is there")
    workers = master.children()
    team.terminate()
    assert (team.process.wait(20), *map(gateways.dead, workers)) == (0, True, True, True)
