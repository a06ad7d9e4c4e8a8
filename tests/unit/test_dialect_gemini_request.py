"""Whole chat requests for Gemini, checked against the types of Google's own SDK."""

from typing import Any

import pytest
from google.genai import types

from managed_files.dialects.registry import DIALECTS
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]
HELLO = [{"role": "user", "content": "Hi"}]
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def translate(body: Json, model: str = "gemini-2.5-flash") -> Json:
    """The translation, after Google's SDK has found every key and type in its place."""
    request = DIALECTS["gemini"].request({"messages": HELLO, **body}, model)
    assert_known(request)
    return request


def assert_known(request: Json) -> None:
    settings = {key: value for key, value in request.items() if key not in ("contents", "generationConfig")}
    types.GenerateContentConfig.model_validate({**settings, **request.get("generationConfig", {})})
    types.GenerationConfig.model_validate(request.get("generationConfig", {}))
    for content in request["contents"]:
        types.Content.model_validate(content)


def added(body: Json, model: str = "gemini-2.5-flash") -> Json:
    """What the fields add to the request of a plain message."""
    request = translate(body, model)
    assert request.pop("contents") == [{"role": "user", "parts": [{"text": "Hi"}]}]
    return request


def refused(body: Json, model: str = "gemini-2.5-flash") -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        translate(body, model)
    return caught.value.param


def test_sampling_and_length() -> None:
    body = {
        "max_tokens": 9, "temperature": 0, "top_p": 0.5, "top_k": 3, "n": 2, "seed": 7, "presence_penalty": 0.1,
        "frequency_penalty": 0.2, "logprobs": True, "top_logprobs": 4, "stop": "END",
    }  # fmt: skip
    assert added(body)["generationConfig"] == {
        "maxOutputTokens": 9, "temperature": 0, "topP": 0.5, "topK": 3, "candidateCount": 2, "seed": 7,
        "presencePenalty": 0.1, "frequencyPenalty": 0.2, "responseLogprobs": True, "logprobs": 4,
        "stopSequences": ["END"],
    }  # fmt: skip


def test_the_body_is_not_changed() -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], "tools": [], "extra_body": {"google": {"labels": {}}}}
    before = repr(body)
    translate(body)
    assert repr(body) == before


@pytest.mark.parametrize(
    "body",
    [
        {"max_tokens": 5, "max_completion_tokens": 5},
        {"max_completion_tokens": 5},
        {"max_completion_tokens": 5, "max_tokens": None},
    ],
)
def test_length(body: Json) -> None:
    assert added(body) == {"generationConfig": {"maxOutputTokens": 5}}


@pytest.mark.parametrize(
    "body",
    [
        {"model": "x", "stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}},
        {"user": "u", "safety_identifier": "s", "prompt_cache_key": "k", "prompt_cache_retention": "24h"},
        {"store": False, "metadata": {}, "service_tier": "default", "modalities": ["text"], "logit_bias": {}},
        {"temperature": None, "tools": None, "response_format": None, "stop": None, "audio": None, "metadata": None},
        {"response_format": {"type": "text"}, "tool_choice": "none", "tools": [], "stop": []},
        {"parallel_tool_calls": True, "function_call": "auto"},
        {"presence_penalty": 0, "frequency_penalty": 0.0, "top_logprobs": 0},
    ],
)
def test_fields_that_change_no_answer(body: Json) -> None:
    assert added(body) == {}


@pytest.mark.parametrize(
    ("response_format", "config"),
    [
        ({"type": "json_object"}, {"responseMimeType": "application/json"}),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": {"type": "object"}}},
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "description": "d", "schema": {"type": "array"}}},
            {"responseMimeType": "application/json", "responseJsonSchema": {"description": "d", "type": "array"}},
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "description": "d", "schema": {"$ref": "#/$defs/a"}}},
            {
                "responseMimeType": "application/json",
                "responseJsonSchema": {"description": "d", "anyOf": [{"$ref": "#/$defs/a"}]},
            },
        ),
    ],
)
def test_response_format(response_format: Json, config: Json) -> None:
    assert added({"response_format": response_format}) == {"generationConfig": config}


@pytest.mark.parametrize(
    ("model", "effort", "config"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-flash", "minimal", {"thinkingBudget": 1024}),
        ("gemini-2.5-pro", "low", {"thinkingBudget": 1024}),
        ("gemini-2.5-pro", "medium", {"thinkingBudget": 8192}),
        ("gemini-2.5-pro", "high", {"thinkingBudget": 24576}),
        ("gemini-3-flash", "minimal", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW"}),
        ("gemini-3.1-pro-preview", "low", {"thinkingLevel": "LOW"}),
        ("publishers/google/models/gemini-3-flash", "medium", {"thinkingLevel": "MEDIUM"}),
        ("gemini-flash-latest", "high", {"thinkingLevel": "HIGH"}),
        ("gemini-10-pro", "xhigh", {"thinkingLevel": "XHIGH"}),
    ],
)
def test_reasoning_effort(model: str, effort: str, config: Json) -> None:
    assert added({"reasoning_effort": effort}, model) == {"generationConfig": {"thinkingConfig": config}}


def test_thoughts_may_be_shown_beside_an_effort() -> None:
    body = {"reasoning_effort": "low", "google": {"thinking_config": {"include_thoughts": True}}}
    assert added(body) == {"generationConfig": {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 1024}}}


@pytest.mark.parametrize("wrap", [lambda google: {"google": google}, lambda google: {"extra_body": {"google": google}}])
def test_googles_extras(wrap: Any) -> None:
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    google = {
        "safety_settings": safety,
        "cached_content": "cachedContents/1",
        "labels": {"team": "a"},
        "thinking_config": {"thinking_budget": 5, "includeThoughts": True},
    }
    assert added(wrap(google)) == {
        "generationConfig": {"thinkingConfig": {"thinkingBudget": 5, "includeThoughts": True}},
        "safetySettings": safety,
        "cachedContent": "cachedContents/1",
        "labels": {"team": "a"},
    }


@pytest.mark.parametrize(
    ("ours", "theirs"), [("safety_settings", "safetySettings"), ("cached_content", "cachedContent")]
)
def test_extras_at_the_top(ours: str, theirs: str) -> None:
    value: Any = [] if ours.startswith("safety") else "cachedContents/1"
    assert (added({ours: value}), added({theirs: value})) == ({theirs: value}, {theirs: value})


def test_metadata_becomes_labels() -> None:
    assert added({"metadata": {"job": "night-run_7"}, "labels": {"team": "a"}}) == {
        "labels": {"job": "night-run_7", "team": "a"}
    }


def test_service_tier() -> None:
    assert added({"service_tier": "flex"}) == {"serviceTier": "flex"}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"prediction": {"type": "content", "content": ""}}, "prediction"),
        ({"audio": {"voice": "alloy", "format": "mp3"}}, "audio"),
        ({"web_search_options": {"search_context_size": "low"}}, "web_search_options"),
        ({"verbosity": "low"}, "verbosity"),
        ({"store": True}, "store"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"stop": list("abcdef")}, "stop"),
        ({"stop": 5}, "stop"),
        ({"seed": 1 << 31}, "seed"),
        ({"seed": -(1 << 31) - 1}, "seed"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
        ({"service_tier": "scale"}, "service_tier"),
        ({"metadata": {"Job": "x"}}, "metadata.Job"),
        ({"metadata": {"job": "Night run"}}, "metadata.job"),
        ({"metadata": "x"}, "metadata"),
        ({"never_heard_of": 1}, "never_heard_of"),
        ({"never_heard_of": 0}, "never_heard_of"),
        ({"never_heard_of": False}, "never_heard_of"),
        ({"google": {"unheard": 1}}, "google.unheard"),
        ({"extra_body": {"openai": {}}}, "extra_body.openai"),
        ({"google": {"thinking_config": {"depth": 1}}}, "google.thinking_config.depth"),
        ({"google": {"thinking_config": {"thinking_budget": 1}}, "reasoning_effort": "low"}, "reasoning_effort"),
        ({"reasoning_effort": "max"}, "reasoning_effort"),
        ({"reasoning_effort": ["low"]}, "reasoning_effort"),
        ({"response_format": {"type": "grammar"}}, "response_format.type"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"response_format": {"type": "json_object", "grammar": "x"}}, "response_format.grammar"),
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": "Hi"}, "messages"),
    ],
)
def test_refused_with_the_name_of_the_field(body: Json, param: str) -> None:
    assert refused(body) == param


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "gemini-3-flash", "gemini-3-pro"])
def test_thinking_cannot_be_turned_off_everywhere(model: str) -> None:
    assert refused({"reasoning_effort": "none"}, model) == "reasoning_effort"


@pytest.mark.parametrize(
    ("body", "param"),
    [({"metadata": {"team": "a"}}, "metadata"), ({"extra_body": {"google": {"labels": {"team": "a"}}}}, "labels")],
)
def test_the_gemini_api_has_no_labels(body: Json, param: str) -> None:
    with pytest.raises(Inexpressible) as caught:
        DIALECTS["gemini_api"].request({"messages": HELLO, **body}, "gemini-2.5-flash")
    assert caught.value.param == param


def test_the_gemini_api_takes_the_rest_like_vertex_ai() -> None:
    body = {"messages": HELLO, "max_tokens": 3, "seed": 1}
    asked = [DIALECTS[name].request(body, "gemini-2.5-flash") for name in ("gemini", "gemini_api")]
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    "body",
    [
        {"store": True}, {"service_tier": "scale"}, {"metadata": {"A": "b"}}, {"parallel_tool_calls": False},
        {"stop": list("abcdef")}, {"modalities": ["audio"]}, {"reasoning_effort": "immense"}, {"seed": 1 << 40},
        {"response_format": {"type": "grammar"}}, {"logit_bias": {"1": 2}},
    ],
    ids=lambda body: next(iter(body)),
)  # fmt: skip
def test_what_gemini_has_no_word_for_can_be_dropped(body: Json) -> None:
    with pytest.raises(Inexpressible) as caught:
        translate({"tools": TOOLS, **body})
    assert (caught.value.param or "").partition(".")[0] == next(iter(body))
