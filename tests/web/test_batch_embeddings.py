"""Batches of embeddings: in the providers' own, and run by the gateway where a provider takes none in batches."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from managed_files.sandbox import CompatibleSandbox, GeminiSandbox
from managed_files.sandbox.azure import DEFAULT_KEY as AZURE_KEY
from managed_files.sandbox.azure import AzureSandbox
from managed_files.sandbox.bedrock import DEFAULT_KEY as AWS_KEY
from managed_files.sandbox.bedrock import DEFAULT_SECRET, BedrockSandbox
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
    "azure": "vectors",
    "mistral": "mistral-embed",
    "gemini": "gemini-embedding-001",
    "vertex_ai": "text-embedding-005",
    "bedrock": "amazon.titan-embed-text-v2:0",
    "bedrock_converse": "us.cohere.embed-english-v3",
    "groq": "any-embedding",
    "hosted_vllm": "text-embedding-3-small",
    "anthropic": "claude-sonnet-4-5",
}
WITHOUT = ("groq", "anthropic")
MANY = 6  # texts, more than most models of Vertex AI take in a call
ONE_BY_ONE = "gemini-embedding-001"  # takes one text a call on Vertex AI

Json = dict[str, Any]


@pytest.fixture
def bench(url: str, stand_ins: StandIns) -> Iterator[Bench]:
    """Besides the usual models one for embeddings at each of these providers, called after the provider."""
    with ExitStack() as stack:
        gemini, mistral = stack.enter_context(GeminiSandbox()), stack.enter_context(MistralSandbox())
        amazon = stack.enter_context(BedrockSandbox())
        aws = {"api_base": amazon.url, "aws_access_key_id": AWS_KEY, "aws_secret_access_key": DEFAULT_SECRET}
        google = next(entry["litellm_params"] for entry in stand_ins.entries() if entry["model_name"] == GEMINI)
        azure = stack.enter_context(AzureSandbox(deployments=("vectors",)))
        accounts = {
            "openai": {"api_base": f"{stand_ins.openai.url}/v1", "api_key": OPENAI_KEY},
            "azure": {"api_base": azure.url, "api_key": AZURE_KEY, "api_version": "2024-10-21"},
            "gemini": {"api_base": gemini.url, "api_key": GEMINI_KEY},
            "mistral": {"api_base": f"{mistral.url}/v1", "api_key": MISTRAL_KEY},
            "vertex_ai": google,
            "bedrock": {**aws, "aws_region_name": amazon.region},
            "bedrock_converse": {**aws, "aws_region_name": amazon.region},
            "anthropic": {"api_key": "sk-ant-none"},
        }
        for name in ("groq", "hosted_vllm"):
            server = stack.enter_context(CompatibleSandbox(name))
            accounts[name] = {"api_base": server.url + server.flavour.base, "api_key": DEFAULT_KEY}
        own = [
            {"model_name": vectors(name), "litellm_params": {**params, "model": f"{name}/{MODELS[name]}"}}
            for name, params in accounts.items()
        ]
        own.append(
            {"model_name": vectors(ONE_BY_ONE), "litellm_params": {**google, "model": f"vertex_ai/{ONE_BY_ONE}"}}
        )
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
    names = [ONE_BY_ONE, *(name for name in MODELS if name not in WITHOUT)]
    batch = answered(bench, *(line(name, input=[f"text {number}" for number in range(MANY)]) for name in names))
    answers = {name: item["response"]["body"] for name, item in content(bench, batch["output_file_id"]).items()}
    found = {name: len({str(item["embedding"]) for item in answer["data"]}) for name, answer in answers.items()}
    assert found == dict.fromkeys(names, MANY)
    assert {name for name, answer in answers.items() if not answer["usage"]["prompt_tokens"]} == set()


def test_what_a_provider_refuses_is_in_the_error_file(bench: Bench) -> None:
    wrong = ("openai", "gemini", "vertex_ai", "bedrock", "bedrock_converse")
    batch = answered(bench, *(line(name, dimensions=0) for name in wrong), line("groq"))
    assert outcome(bench, batch) == ([], {**dict.fromkeys(wrong, 400), "groq": 404})


def test_a_provider_without_embeddings_says_so(bench: Bench) -> None:
    lines = jsonl(line("anthropic"))
    answer = bench.upload("", data=lines, filename="lines.jsonl", purpose="batch")
    assert f"line 1: the model {vectors('anthropic')} does not take {EMBEDDINGS} in batches" in answer.text
