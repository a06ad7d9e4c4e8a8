"""What goes wrong at a provider, as the official SDK's exceptions."""

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
import requests
from openai import (
    APIError,
    APIStatusError,
    AuthenticationError,
    InternalServerError,
    NotFoundError,
    OpenAI,
    RateLimitError,
)

from managed_files.sandbox import Fault
from tests.e2e.calls import ask, question, stream_text, upload
from tests.e2e.gateway import MASTER_KEY, Gateway
from tests.e2e.providers import GEMINI, GPT, IMPATIENT, LOCKED_OUT, WRONG_KEY, Providers
from tests.openai_schema import assert_valid
from tests.sdk import openai_at

FILES, CHAT = "/v1/files", "/v1/chat"
GENERATE = "/v1/projects/"


def facts(error: APIStatusError) -> tuple[int, str | None, str | None]:
    """Status and advice of an SDK's exception."""
    headers = error.response.headers
    return error.status_code, headers.get("retry-after"), headers.get("x-should-retry")


def test_an_unknown_file_is_not_found(client: OpenAI) -> None:
    with pytest.raises(NotFoundError):
        client.files.retrieve("file-mf-" + "0" * 32)


def test_an_unknown_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(NotFoundError) as error:
        ask(client, "gpt-99")
    assert error.value.code == "model_not_found"


@pytest.mark.parametrize("call", [lambda client: client.files.list(), lambda client: ask(client, GPT)])
def test_a_wrong_key_is_an_authentication_error(gateway: Gateway, call: Callable[..., Any]) -> None:
    with openai_at(gateway.url, "sk-wrong") as client, pytest.raises(AuthenticationError):
        call(client)


def test_a_throttled_chat_is_a_rate_limit_error_with_its_time_to_wait(client: OpenAI, providers: Providers) -> None:
    providers.openai.inject(Fault(path=CHAT, status=429, headers={"Retry-After": "7"}))
    with pytest.raises(RateLimitError) as error:
        ask(client, GPT)
    assert facts(error.value) == (429, "7", None)


def test_a_throttled_upload_is_a_rate_limit_error_with_its_time_to_wait(client: OpenAI, providers: Providers) -> None:
    providers.openai.inject(Fault(path=FILES, status=429, headers={"Retry-After": "60"}, times=None))
    with pytest.raises(RateLimitError) as error:
        upload(client)
    assert facts(error.value) == (429, "60", None)


def test_where_one_provider_refuses_an_upload_nothing_stays_at_the_other(client: OpenAI, providers: Providers) -> None:
    providers.openai.inject(Fault(path=FILES, status=400))
    with pytest.raises(APIError, match=f"{GPT}: openai answered 400.*{GEMINI}: was stored, and is deleted again"):
        upload(client)
    assert (providers.stored(), client.files.list().data) == ({}, [])


def test_an_upload_survives_a_provider_that_fails_once(client: OpenAI, providers: Providers) -> None:
    providers.openai.inject(Fault(path=FILES, status=500))
    upload(client)
    assert sorted(providers.stored()) == ["openai", "vertex_ai"]


def test_the_sdk_itself_repeats_what_may_pass(gateway: Gateway, providers: Providers) -> None:
    providers.openai.inject(Fault(path=CHAT, status=503, headers={"Retry-After": "0"}))
    with openai_at(gateway.url, MASTER_KEY, max_retries=1) as client:
        assert "What is in it?" in ask(client, GPT)


@pytest.mark.parametrize(("model", "path"), [(GPT, CHAT), (GEMINI, GENERATE)])
def test_a_provider_that_breaks_is_a_server_error(client: OpenAI, providers: Providers, model: str, path: str) -> None:
    for server in (providers.openai, providers.google):
        server.inject(Fault(path=path, status=500))
    with pytest.raises(InternalServerError) as error:
        ask(client, model)
    assert facts(error.value) == (502, None, None)


def test_credentials_that_a_provider_refuses_are_not_the_clients(client: OpenAI) -> None:
    with pytest.raises(InternalServerError) as error:
        ask(client, LOCKED_OUT)
    assert (facts(error.value), error.value.code) == ((502, None, "false"), "provider_credentials_refused")


@pytest.mark.parametrize("call", [ask, lambda client, model: upload(client, target_model_names=model)])
def test_credentials_that_a_provider_refuses_are_not_told(client: OpenAI, call: Callable[..., Any]) -> None:
    with pytest.raises(InternalServerError) as error:
        call(client, LOCKED_OUT)
    assert WRONG_KEY not in error.value.response.text


def test_a_silent_provider_is_a_timeout(client: OpenAI, providers: Providers, gate: Event) -> None:
    providers.openai.inject(Fault(path=CHAT, gate=gate))
    with pytest.raises(InternalServerError) as error:
        ask(client, IMPATIENT)
    assert error.value.status_code == 504


def test_what_a_silent_provider_stored_is_found_and_deleted(client: OpenAI, providers: Providers, gate: Event) -> None:
    providers.openai.inject(Fault(path=FILES, gate=gate, times=None))
    with pytest.raises(InternalServerError) as error:
        upload(client, target_model_names=IMPATIENT)
    assert (error.value.status_code, providers.stored()) == (504, {})


def test_what_a_provider_stored_before_it_was_cut_off_is_not_stored_twice(client: OpenAI, providers: Providers) -> None:
    providers.openai.inject(Fault(path=FILES, cut="after_commit"))
    upload(client, target_model_names=GPT)
    assert len(providers.openai.files) == 1


@pytest.mark.parametrize(("model", "path"), [(GPT, CHAT), (GEMINI, GENERATE)])
def test_a_stream_that_breaks_raises(client: OpenAI, providers: Providers, model: str, path: str) -> None:
    for server in (providers.openai, providers.google):
        server.inject(Fault(path=path, cut="mid_stream", pieces=12))
    with pytest.raises(APIError, match="cut off"):
        stream_text(client, model)


def test_a_stream_that_is_given_up_is_given_up_at_the_provider(client: OpenAI, providers: Providers) -> None:
    providers.openai.inject(Fault(path=CHAT, piece_delay=0.05))
    with client.chat.completions.create(model=GPT, messages=question(text="word " * 1000), stream=True) as stream:
        next(iter(stream))
    assert providers.openai.wait_for(lambda request: (request.error or "").startswith("client gone"))


@pytest.mark.parametrize("path", ["/files/file-mf-none", "/nowhere", "/v1/models/gpt-99"])
def test_an_error_is_openais(gateway: Gateway, path: str) -> None:
    headers = {"Authorization": f"Bearer {MASTER_KEY}"}
    assert_valid("ErrorResponse", requests.get(gateway.url + path, headers=headers, timeout=10).json())


@pytest.mark.parametrize("path", ["/files", "/v1/models", "/health/liveliness", "/nowhere"])
def test_every_answer_has_a_request_id(gateway: Gateway, path: str) -> None:
    assert requests.get(gateway.url + path, timeout=10).headers["x-request-id"].startswith("req_")
