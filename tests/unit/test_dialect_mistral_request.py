"""Whole chat requests for Mistral, checked against the types of Mistral's own SDK."""

from typing import Any

import pytest

from managed_files.errors import Inexpressible, InvalidRequest
from tests.mistral_requests import HELLO, translate

Json = dict[str, Any]
FUNCTION = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}, "strict": True}
TOOL = {"type": "function", "function": FUNCTION}


def added(body: Json) -> Json:
    """What the fields add to the request of a plain message."""
    request = translate(body)
    assert (request.pop("messages"), request.pop("model")) == (HELLO, "mistral-small-latest")
    return request


def refused(body: Json) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        translate(body)
    return caught.value.param


# fields


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"seed": 7}, {"random_seed": 7}),
        ({"max_completion_tokens": 9}, {"max_tokens": 9}),
        ({"max_completion_tokens": 9, "max_tokens": 9}, {"max_tokens": 9}),
        ({"stream": True, "stream_options": {"include_usage": True}}, {"stream": True}),
        ({"service_tier": "default"}, {"service_tier": "standard_only"}),
        ({"extra_body": {"safe_prompt": True}}, {"safe_prompt": True}),
        ({"prediction": {"type": "content", "content": "a"}}, {"prediction": {"type": "content", "content": "a"}}),
        (
            {"prediction": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
            {"prediction": {"type": "content", "content": "a"}},
        ),
    ],
)
def test_fields_with_another_name_or_value(body: Json, fields: Json) -> None:
    assert added(body) == fields


@pytest.mark.parametrize(
    "body",
    [
        {"temperature": 0.5, "top_p": 0.5, "max_tokens": 9, "stop": "END", "n": 2, "parallel_tool_calls": False},
        {"presence_penalty": 0.1, "frequency_penalty": 0.2, "logprobs": True, "top_logprobs": 4, "stop": ["a"]},
        {"reasoning_effort": "high", "prompt_mode": "reasoning", "safe_prompt": True, "random_seed": 1, "top_k": 4},
        {"metadata": {"job": "x"}, "prompt_cache_key": "k", "service_tier": "auto", "min_tokens": 1},
        {"response_format": {"type": "json_object"}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "strict": True, "schema": {"type": "object"}},
            }
        },
    ],
)
def test_fields_that_mean_the_same(body: Json) -> None:
    assert added(body) == body


@pytest.mark.parametrize(
    "body",
    [
        {"model": "x", "user": "u", "safety_identifier": "s", "prompt_cache_retention": "24h"},
        {"store": False, "logit_bias": {}, "modalities": ["text"], "tools": [], "audio": None, "verbosity": None},
    ],
)
def test_fields_that_change_no_answer(body: Json) -> None:
    assert added(body) == {}


def test_the_body_is_not_changed() -> None:
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}], "seed": 1, "tools": [TOOL]}
    before = repr(body)
    translate(body)
    assert repr(body) == before


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"audio": {"voice": "alloy"}}, "audio"),
        ({"web_search_options": {"search_context_size": "low"}}, "web_search_options"),
        ({"verbosity": "low"}, "verbosity"),
        ({"store": True}, "store"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "tools[0].type"),
        ({"tool_choice": {"type": "custom", "custom": {"name": "c"}}}, "tool_choice"),
        ({"messages": [{"role": "user", "content": "a", "name": "Ann"}]}, "messages[0].name"),
        ({"messages": [{"role": "user", "content": [{"type": "video_url"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "system", "content": [{"type": "file", "file": {"file_id": "u"}}]}]},
         "messages[0].content[0].type"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "type": "custom"}]}]},
         "messages[0].tool_calls[0].type"),
    ],
)  # fmt: skip
def test_what_mistral_has_no_word_for(body: Json, param: str) -> None:
    with pytest.raises(Inexpressible) as caught:
        translate(body)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"seed": 1, "random_seed": 2}, "seed"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_completion_tokens"),
        ({"tools": [TOOL], "functions": [FUNCTION]}, "functions"),
        ({"tools": "x"}, "tools"),
        ({"messages": None}, "messages"),
        ({"messages": ["x"]}, "messages[0]"),
        ({"messages": [{"role": "judge", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "assistant",
                        "extra_content": {"mistral": {"chunks": [{"type": "file", "file_id": "5f1d"}]}}}]},
         "messages[0].extra_content.mistral.chunks[0]"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url"),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]},
         "messages[0].content[0].file.file_id"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f"}}]}]},
         "messages[0].tool_calls[0].function.arguments"),
        ({"prediction": {"content": 5}}, "prediction.content"),
        ({"extra_body": 5}, "extra_body"),
    ],
)  # fmt: skip
def test_refused_with_the_name_of_the_field(body: Json, param: str) -> None:
    assert refused(body) == param


# tools


def test_tools_pass_and_parameters_are_never_missing() -> None:
    bare = {"type": "function", "function": {"name": "g"}}
    filled = {"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}}
    assert added({"tools": [TOOL, bare]}) == {"tools": [TOOL, filled]}


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        *((word, word) for word in ("auto", "none", "any", "required")),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_tool_choice(choice: Any, told: Any) -> None:
    assert added({"tools": [TOOL], "tool_choice": choice})["tool_choice"] == told


def test_allowed_tools_are_the_only_ones_left() -> None:
    other = {"type": "function", "function": {**FUNCTION, "name": "g"}}
    allowed = {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]}
    choice = {"type": "allowed_tools", "allowed_tools": allowed}
    assert added({"tools": [TOOL, other], "tool_choice": choice}) == {"tools": [other], "tool_choice": "required"}


def test_the_deprecated_functions_are_tools() -> None:
    assert added({"functions": [FUNCTION], "function_call": {"name": "f"}}) == {
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
    }
