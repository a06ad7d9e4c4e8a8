"""Whole chat requests for Claude, checked against the types of Anthropic's own SDK."""

from typing import Any

import pytest

from managed_files.errors import Inexpressible, InvalidRequest
from tests.anthropic_requests import HELLO, MODEL, Json, translate

ADAPTIVE = "claude-opus-5-5"
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}


def added(body: Json, model: str = MODEL) -> Json:
    """What the fields add to the request of a plain message."""
    request = translate(body, model)
    plain = translate({}, model)
    assert request["messages"] == plain["messages"]
    return {key: value for key, value in request.items() if plain.get(key) != value}


def refused(body: Json, model: str = MODEL) -> tuple[str | None, type[InvalidRequest]]:
    with pytest.raises(InvalidRequest) as caught:
        translate(body, model)
    return caught.value.param, type(caught.value)


def test_a_plain_message() -> None:
    assert translate({}) == {
        "model": MODEL,
        "max_tokens": 64_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    }


def test_sampling_and_length() -> None:
    body = {"max_tokens": 9, "temperature": 0, "top_p": 0.5, "top_k": 3, "stop": "END", "stream": True}
    assert added(body) == {
        "max_tokens": 9,
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 3,
        "stop_sequences": ["END"],
        "stream": True,
    }


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        ("claude-3-haiku-20240307", 4_096),
        ("claude-3-5-haiku-latest", 8_192),
        ("claude-3-7-sonnet-20250219", 64_000),
        ("claude-opus-4-20250514", 32_000),
        ("claude-opus-4-1", 32_000),
        ("claude-sonnet-4-20250514", 64_000),
        ("claude-opus-4-5-20251101", 64_000),
        ("claude-haiku-4-5", 64_000),
        ("claude-sonnet-4.6", 128_000),
        ("claude-haiku-5-5", 128_000),
        ("claude-opus-10", 128_000),
        ("claude-mythos-preview", 128_000),
        ("claude-2.1", 4_096),
        ("deepseek-chat-v5", 4_096),
    ],
)
def test_without_a_limit_the_models_own_counts(model: str, limit: int) -> None:
    assert translate({}, model)["max_tokens"] == limit


@pytest.mark.parametrize(
    "body",
    [
        {"stream": False, "stream_options": {"include_usage": True}, "model": "x"},
        {"prompt_cache_key": "k", "prompt_cache_retention": "24h", "store": False, "metadata": {}},
        {"n": 1, "presence_penalty": 0, "frequency_penalty": 0.0, "logprobs": False, "top_logprobs": 0},
        {"logit_bias": {}, "modalities": ["text"], "verbosity": "medium", "service_tier": "auto"},
        {"response_format": {"type": "text"}, "tool_choice": "none", "tools": [], "stop": [], "function_call": "auto"},
        {"temperature": None, "seed": None, "tools": None, "stop": None, "user": None, "extra_body": None},
        {"parallel_tool_calls": True, "reasoning_effort": "none"},
    ],
)
def test_fields_that_change_no_answer(body: Json) -> None:
    assert added(body) == {}


def test_the_body_is_not_changed() -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], "metadata": {"user_id": "u"}, "extra_body": {"top_k": 1}}
    before = repr(body)
    translate(body)
    assert repr(body) == before


@pytest.mark.parametrize(
    ("body", "user"),
    [
        ({"user": "u"}, "u"),
        ({"user": "u", "safety_identifier": "s"}, "s"),
        ({"safety_identifier": "s", "metadata": {"user_id": "m"}}, "m"),
    ],
)
def test_the_end_user(body: Json, user: str) -> None:
    assert added(body) == {"metadata": {"user_id": user}}


@pytest.mark.parametrize("tier", ["default", "standard_only"])
def test_service_tier(tier: str) -> None:
    assert added({"service_tier": tier}) == {"service_tier": "standard_only"}


def test_a_schema() -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": SCHEMA, "description": "d"}}
    assert added({"response_format": wanted}) == {
        "output_config": {"format": {"type": "json_schema", "schema": {"description": "d", **SCHEMA}}}
    }


def test_every_object_of_a_schema_is_closed() -> None:
    given = {"type": "array", "items": {"type": "object"}, "$defs": {"b": SCHEMA, "c": {"type": ["object", "null"]}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": given}}
    schema = added({"response_format": wanted})["output_config"]["format"]["schema"]
    assert (schema["items"], schema["$defs"]) == (
        {"type": "object", "additionalProperties": False},
        {"b": SCHEMA, "c": {"type": ["object", "null"], "additionalProperties": False}},
    )


@pytest.mark.parametrize(
    ("effort", "budget"), [("minimal", 1024), ("low", 1024), ("medium", 2048), ("high", 4096), ("xhigh", 8192)]
)
def test_an_effort_is_a_budget_for_an_older_claude(effort: str, budget: int) -> None:
    assert added({"reasoning_effort": effort}) == {"thinking": {"type": "enabled", "budget_tokens": budget}}


@pytest.mark.parametrize(("effort", "named"), [("minimal", "low"), ("medium", "medium"), ("max", "max")])
def test_an_effort_is_an_effort_for_a_newer_claude(effort: str, named: str) -> None:
    assert added({"reasoning_effort": effort}, ADAPTIVE) == {
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": named},
    }


@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-opus-5", "claude-sonnet-5-5"])
def test_a_newer_claude_is_told_not_to_think(model: str) -> None:
    assert added({"reasoning_effort": "none"}, model) == {"thinking": {"type": "disabled"}}


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-fable-5", "claude-mythos-preview"])
def test_some_cannot_be_told(model: str) -> None:
    with pytest.raises(Inexpressible) as caught:
        translate({"reasoning_effort": "none"}, model)
    assert caught.value.param == "reasoning_effort"


def test_a_budget_leaves_room_for_the_answer() -> None:
    request = translate({"reasoning_effort": "high", "max_completion_tokens": 1500})
    assert (request["max_tokens"], request["thinking"]["budget_tokens"]) == (1500, 1499)


def test_anthropics_own_words_go_before() -> None:
    own = {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "max"}}
    assert added({**own, "reasoning_effort": "low"}, ADAPTIVE) == own


def test_format_and_effort_share_an_object() -> None:
    body = {
        "reasoning_effort": "low",
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
    }
    assert added(body, ADAPTIVE)["output_config"] == {
        "effort": "low",
        "format": {"type": "json_schema", "schema": SCHEMA},
    }


OWN = {
    "top_k": 5,
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "container": "container_1",
    "mcp_servers": [{"type": "url", "name": "n", "url": "https://example.com/mcp"}],
    "cache_control": {"type": "ephemeral"},
    "inference_geo": "us",
    "speed": "fast",
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
}


@pytest.mark.parametrize("wrap", [lambda own: own, lambda own: {"extra_body": own}], ids=["merged", "as it is"])
def test_anthropics_own_fields(wrap: Any) -> None:
    assert added(wrap(OWN)) == OWN


@pytest.mark.parametrize("field", ["temperature", "top_p", "top_k"])
def test_a_newer_claude_cannot_be_sampled(field: str) -> None:
    assert refused({field: 0.5}, ADAPTIVE) == (field, Inexpressible)


def test_the_usual_sampling_may_be_said_to_all() -> None:
    assert added({"temperature": 1, "top_p": 1.0}, ADAPTIVE) == {}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"n": 2}, "n"),
        ({"seed": 5}, "seed"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"frequency_penalty": -1}, "frequency_penalty"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"temperature": 1.5}, "temperature"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "alloy", "format": "mp3"}}, "audio"),
        ({"prediction": {"type": "content", "content": ""}}, "prediction"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"verbosity": "low"}, "verbosity"),
        ({"store": True}, "store"),
        ({"metadata": {"job": "x"}}, "metadata.job"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"reasoning_effort": "max"}, "reasoning_effort"),
        ({"reasoning_effort": ["low"]}, "reasoning_effort"),
        ({"reasoning_effort": "low", "max_tokens": 1024}, "reasoning_effort"),
        ({"betas": ["x"]}, "betas"),
        ({"system": "x"}, "system"),
        ({"never_heard_of": 0}, "never_heard_of"),
    ],
)
def test_what_claude_cannot_be_told(body: Json, param: str) -> None:
    assert refused(body) == (param, Inexpressible)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"stop": 5}, "stop"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens"),
        ({"metadata": "x"}, "metadata"),
        ({"extra_body": "x"}, "extra_body"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": "Hi"}, "messages"),
        ({"messages": [*HELLO, "x"]}, "messages[1]"),
    ],
)
def test_what_is_wrong(body: Json, param: str) -> None:
    assert refused(body) == (param, InvalidRequest)
