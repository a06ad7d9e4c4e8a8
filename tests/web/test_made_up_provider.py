"""A provider that nobody has: one adapter, one line of the registry, one stand-in, and everything works with it."""

from collections.abc import Iterator

import pytest

from managed_files.providers import registry
from managed_files.providers.openai_server import OpenAIServer
from managed_files.records import Parameter
from managed_files.sandbox.openai import DEFAULT_KEY, OpenAISandbox
from managed_files.settings import Settings, parse
from tests.gateway import GPT, MASTER_KEY, NEVER, Bench, StandIns, file_part

ADAPTERS = dict(registry.PROVIDERS)


class MadeUp(OpenAIServer):
    """The module."""

    name = "made_up"
    prefixes = ("made_up",)
    parameters = (
        Parameter("api_base", identity=True, required=True),
        Parameter("api_key", identity=True, secret=True),
    )


class MadeUpSandbox(OpenAISandbox):
    """The stand-in."""


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeUpSandbox]:
    """The line of the registry, and the running stand-in."""
    monkeypatch.setattr(registry, "PROVIDERS", ADAPTERS | {"made_up": MadeUp})
    with MadeUpSandbox() as sandbox:
        yield sandbox


def settings(url: str, stand_ins: StandIns, sandbox: MadeUpSandbox) -> Settings:
    params = {"model": "made_up/gpt-4o-mini", "api_base": f"{sandbox.url}/v1", "api_key": DEFAULT_KEY}
    raw = {
        "model_list": [*stand_ins.entries(), {"model_name": "mine", "litellm_params": params}],
        "general_settings": {"master_key": MASTER_KEY, "database_url": url, "reconcile_interval": NEVER},
    }
    return parse(raw, registry.catalog_of([*ADAPTERS.values(), MadeUp]), {})


def test_a_made_up_provider_shares_a_file_with_a_real_one(
    url: str, stand_ins: StandIns, made_up: MadeUpSandbox
) -> None:
    bench = Bench(settings(url, stand_ins, made_up), stand_ins)
    file_id = bench.stored(f"mine, {GPT}")
    held = len(made_up.files), len(stand_ins.openai.files)
    answered = [bench.chat(model, file_part(file_id)).status_code for model in ("mine", GPT)]
    bench.call("DELETE", f"/files/{file_id}")
    bench.close()
    assert (held, answered, made_up.files, stand_ins.openai.files) == ((1, 1), [200, 200], {}, {})
