"""What a chat request becomes on its way: each provider gets its own ids, at every place that may carry one."""

import json
from contextlib import suppress
from typing import Any

import pytest
import requests
from openai import BadRequestError, NotFoundError, OpenAI

from managed_files.sandbox import Fault
from managed_files.sandbox.server import Server
from tests import files
from tests.e2e.calls import ask, part, question, talk, upload
from tests.e2e.gateway import MASTER_KEY, Gateway
from tests.e2e.providers import AZURE, GEMINI, GPT, Providers
from tests.files import Sample
from tests.openai_schema import assert_valid

TWO = (files.pdf("first"), files.pdf("second"))
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def ids_in(value: Any) -> list[str]:
    """Every id of a provider in a request body, in order."""
    if isinstance(value, dict):
        own = [value[key] for key in ("file_id", "fileUri") if key in value]
        return own + [found for inner in value.values() for found in ids_in(inner)]
    return [found for inner in value for found in ids_in(inner)] if isinstance(value, list) else []


def chat_ids(server: Server) -> list[str]:
    """The ids in the last chat request that the provider received."""
    return ids_in(server.requests[-1].json())


def test_several_files_in_one_message(client: OpenAI) -> None:
    ids = [upload(client, sample).id for sample in TWO]
    answers = [ask(client, model, *ids) for model in (GPT, GEMINI)]
    assert all(sample.sha256 in answer for sample in TWO for answer in answers)


def test_files_in_several_messages(client: OpenAI, providers: Providers) -> None:
    ids = [upload(client, sample).id for sample in TWO]
    messages = [*question(ids[0]), {"role": "assistant", "content": "I see."}, *question(ids[1])]
    talk(client, GEMINI, messages)
    assert chat_ids(providers.google) == list(providers.google.objects)


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant", "tool"])
def test_openai_gets_its_own_id_in_every_role(client: OpenAI, providers: Providers, role: str) -> None:
    message = {"role": role, "content": [part(upload(client).id)], "tool_call_id": "call_1"}
    before = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    with suppress(BadRequestError):  # which roles may show files is OpenAI's to judge
        talk(client, GPT, [before, message])
    assert chat_ids(providers.openai) == list(providers.openai.files)


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_gemini_gets_its_own_address_in_both_of_its_roles(client: OpenAI, providers: Providers, role: str) -> None:
    message = {"role": role, "content": [part(upload(client).id)]}
    talk(client, GEMINI, [message, *question()])
    assert chat_ids(providers.google) == list(providers.google.objects)


def test_azure_gets_its_own_id(client: OpenAI, providers: Providers) -> None:
    paper = files.pdf()
    assert paper.sha256 in ask(client, AZURE, upload(client, paper, target_model_names=AZURE).id)


@pytest.mark.parametrize(
    ("kind", "field", "sample"), [("image_url", "url", files.png()), ("input_audio", "data", files.wav())]
)
def test_an_id_in_place_of_an_image_or_a_sound(client: OpenAI, kind: str, field: str, sample: Sample) -> None:
    content = [{"type": kind, kind: {field: upload(client, sample).id}}]
    assert sample.sha256 in talk(client, GEMINI, [{"role": "user", "content": content}])


@pytest.mark.parametrize("model", [GPT, GEMINI])
def test_an_id_in_a_text_is_never_forwarded(client: OpenAI, providers: Providers, model: str) -> None:
    file = upload(client)
    calls = len(providers.openai.requests), len(providers.google.requests)
    with pytest.raises(BadRequestError, match="a file can only be named by a content part"):
        talk(client, model, question(text=f"Read {file.id}"))
    assert (len(providers.openai.requests), len(providers.google.requests)) == calls


@pytest.mark.parametrize("file_id", ["file-abc123", "file-mf-" + "x" * 32])
def test_an_id_that_is_not_ours_is_not_found(client: OpenAI, file_id: str) -> None:
    with pytest.raises(NotFoundError):
        ask(client, GPT, file_id)


def test_a_field_that_only_the_provider_knows_is_passed_on(client: OpenAI, providers: Providers) -> None:
    client.chat.completions.create(model=GPT, messages=question(), extra_body={"verbosity": "low"})
    assert providers.openai.requests[-1].json()["verbosity"] == "low"


@pytest.mark.parametrize("model", [GPT, GEMINI])
def test_a_stream_arrives_while_it_is_made(client: OpenAI, providers: Providers, model: str) -> None:
    server = providers.google if model == GEMINI else providers.openai
    server.inject(Fault(path="/v1/", piece_delay=0.02))
    messages = question(text="word " * 200)
    with client.chat.completions.create(model=model, messages=messages, stream=True) as stream:
        next(stream)
        assert not server.requests[-1].finished


@pytest.mark.parametrize("model", [GPT, AZURE, GEMINI])
def test_an_answer_is_openais(gateway: Gateway, model: str) -> None:
    assert_valid("CreateChatCompletionResponse", post(gateway, model=model).json())


@pytest.mark.parametrize("model", [GPT, GEMINI])
def test_a_streams_events_are_openais(gateway: Gateway, model: str) -> None:
    lines = post(gateway, model=model, stream=True, stream_options={"include_usage": True}).text.split("\n\n")
    events = [line.removeprefix("data: ") for line in lines if line.strip()]
    for event in events[:-1]:
        assert_valid("CreateChatCompletionStreamResponse", json.loads(event))
    assert events[-1] == "[DONE]"


def post(gateway: Gateway, **body: Any) -> requests.Response:
    """A chat request without an SDK that would forgive a wrong answer."""
    headers = {"Authorization": f"Bearer {MASTER_KEY}"}
    return requests.post(
        f"{gateway.url}/chat/completions", json={"messages": question(), **body}, headers=headers, timeout=30
    )
