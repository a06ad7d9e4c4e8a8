"""Batches of embeddings: in the providers' own, and run by the gateway where a provider takes none in batches."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from managed_files.sandbox import CompatibleSandbox, GeminiSandbox
from managed_files.sandbox.compatible import DEFAULT_KEY
from managed_files.sandbox.gemini import DEFAULT_KEY as GEMINI_KEY
from managed_files.sandbox.mistral import DEFAULT_KEY as MISTRAL_KEY
from managed_files.sandbox.mistral import MistralSandbox
from managed_files.sandbox.openai import DEFAULT_KEY as OPENAI_KEY
from tests.batching import content, created, ended, jsonl, outcome, uploaded
from tests.gateway import GEMINI, Bench, StandIns, settings_for

EMBEDDINGS = "/v1/embeddings"
MODELS = {
    "openai": "text-embedding-3-small",
    "mistral": "mistral-embed",
    "gemini": "gemini-embedding-001",
    "groq": "any-embedding",
    "hosted_vllm": "text-embedding-3-small",
}

Json = dict[str, Any]


@pytest.fixture
def bench(url: str, stand_ins: StandIns) -> Iterator[Bench]:
    """Besides the usual models one for embeddings at each of these providers, called after the provider."""
    with ExitStack() as stack:
        gemini, mistral = stack.enter_context(GeminiSandbox()), stack.enter_context(MistralSandbox())
        accounts = {
            "openai": {"api_base": f"{stand_ins.openai.url}/v1", "api_key": OPENAI_KEY},
            "gemini": {"api_base": gemini.url, "api_key": GEMINI_KEY},
            "mistral": {"api_base": f"{mistral.url}/v1", "api_key": MISTRAL_KEY},
        }
        for name in ("groq", "hosted_vllm"):
            server = stack.enter_context(CompatibleSandbox(name))
            accounts[name] = {"api_base": server.url + server.flavour.base, "api_key": DEFAULT_KEY}
        own = [
            {"model_name": vectors(name), "litellm_params": {"model": f"{name}/{MODELS[name]}", **params}}
            for name, params in accounts.items()
        ]
        bench = Bench(settings_for(url, stand_ins, [*stand_ins.entries(), *own], batch_interval=0.05), stand_ins)
        stack.callback(bench.close)
        yield bench


def vectors(name: str) -> str:
    """The model group of a provider's embeddings."""
    return f"{name}-vectors"


def line(name: str, **fields: Any) -> Json:
    body = {"model": vectors(name), "input": "some text", **fields}
    return {"custom_id": name, "method": "POST", "url": EMBEDDINGS, "body": body}


def answered(bench: Bench, *lines: Json) -> Json:
    """The ended batch of these lines."""
    return ended(bench, created(bench, uploaded(bench, *lines), endpoint=EMBEDDINGS)["id"])


def test_every_provider_that_has_embeddings_answers(bench: Bench) -> None:
    batch = answered(bench, *(line(name) for name in MODELS if name != "groq"))
    answers = {name: item["response"]["body"] for name, item in content(bench, batch["output_file_id"]).items()}
    found = {
        name: (answer["data"][0]["object"], bool(answer["data"][0]["embedding"])) for name, answer in answers.items()
    }
    assert found == dict.fromkeys(sorted(found), ("embedding", True))
    assert (len(found), batch["usage"]["input_tokens"] > 0) == (4, True)


def test_what_a_provider_refuses_is_in_the_error_file(bench: Bench) -> None:
    batch = answered(bench, *(line(name, dimensions=0) for name in ("openai", "gemini")), line("groq"))
    assert outcome(bench, batch) == ([], {"openai": 400, "gemini": 400, "groq": 404})


def test_a_provider_without_embeddings_says_so(bench: Bench) -> None:
    lines = jsonl({**line("openai"), "body": {"model": GEMINI, "input": "some text"}})
    answer = bench.upload("", data=lines, filename="lines.jsonl", purpose="batch")
    assert f"line 1: the model {GEMINI} does not take {EMBEDDINGS} in batches" in answer.text
