"""SIGHUP: the configuration is read anew, if it can be used."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.e2e import gateway as gateways
from tests.e2e.gateway import MASTER_KEY, Gateway, wait_until


@pytest.fixture
def running(database_url: str, tmp_path: Path) -> Iterator[Gateway]:
    config = {
        "model_list": [{"model_name": "old", "litellm_params": {"model": "gpt-4o", "api_key": "sk-fake"}}],
        "general_settings": {"master_key": MASTER_KEY, "database_url": database_url},
    }
    with gateways.gateway(config, tmp_path) as gateway:
        yield gateway


def reload(gateway: Gateway, old: str, new: str) -> None:
    gateway.config.write_text(gateway.config.read_text().replace(old, new))
    gateway.process.send_signal(signal.SIGHUP)


def models(gateway: Gateway) -> list[str]:
    answer = requests.get(f"{gateway.url}/models", headers={"Authorization": f"Bearer {MASTER_KEY}"}, timeout=20)
    return [model["id"] for model in answer.json()["data"]]


def test_a_changed_configuration_is_served(running: Gateway) -> None:
    reload(running, "model_name: old", "model_name: new")
    wait_until(lambda: models(running) == ["new"], "the new workers serve")


def test_one_that_cannot_be_used_changes_nothing(running: Gateway) -> None:
    reload(running, "model_name: old", "model_name: [")
    wait_until(lambda: "not loaded anew" in running.log.read_text(), "the log tells of it")
    assert models(running) == ["old"]
