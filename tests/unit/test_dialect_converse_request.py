"""Whole chat requests for Bedrock, checked against AWS's own service model."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.dialects.registry import DIALECTS
from managed_files.errors import Inexpressible, InvalidRequest
from tests.converse_model import assert_request

Json = dict[str, Any]
HELLO = [{"role": "user", "content": "Hi"}]
NOVA, NOVA_2 = "us.amazon.nova-lite-v1:0", "amazon.nova-2-lite-v1:0"
CLAUDE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
NEWER_CLAUDE = "us.anthropic.claude-opus-4-8"
ADAPTIVE = {"additionalModelRequestFields": {"thinking": {"type": "adaptive"}}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
OTHER = {"type": "function", "function": {"name": "listen"}}
SPEC = {"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}
OTHER_SPEC = {"toolSpec": {"name": "listen", "inputSchema": {"json": {"type": "object", "properties": {}}}}}
LOOK = {"type": "function", "function": {"name": "look"}}
NOVA_HIGH = {"type": "enabled", "maxReasoningEffort": "high"}
CALLED = [
    *HELLO,
    {
        "role": "assistant",
        "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "seen"},
]


def allowed(mode: str) -> Json:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [TOOL]}}


def added(body: Json, model: str = NOVA) -> Json:
    """What the fields add to the request of a plain message."""
    request = DIALECTS["converse"].request({"messages": HELLO, **body}, model)
    assert_request(request)
    return {name: value for name, value in request.items() if name != "messages"}


def refused(body: Json, model: str = NOVA) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        added(body, model)
    return caught.value.param


def test_sampling_and_length() -> None:
    body = {"max_tokens": 9, "temperature": 0, "top_p": 0.5, "stop": "END"}
    config = {"maxTokens": 9, "temperature": 0, "topP": 0.5, "stopSequences": ["END"]}
    assert added(body) == {"inferenceConfig": config}


def test_the_body_is_not_changed() -> None:
    body = {"messages": HELLO, "tools": [TOOL], "extra_body": {"top_k": 3}, "metadata": {"a": "b"}}
    before = repr(body)
    added(body)
    assert repr(body) == before


def test_what_says_nothing_to_a_model_is_accepted() -> None:
    silent = {"user": "u", "stream": True, "stream_options": {"include_usage": True}, "prompt_cache_key": "k"}
    off = {"n": 1, "logprobs": False, "presence_penalty": 0, "frequency_penalty": 0.0, "logit_bias": {}, "store": False}
    assert added({**silent, **off, "seed": None, "modalities": ["text"], "service_tier": "auto"}) == {}


@pytest.mark.parametrize(
    "body",
    [
        {"n": 2}, {"seed": 7}, {"presence_penalty": 0.1}, {"frequency_penalty": 1}, {"logprobs": True},
        {"top_logprobs": 2}, {"logit_bias": {"1": 2}}, {"modalities": ["text", "audio"]}, {"store": True},
        {"prediction": {}}, {"web_search_options": {}}, {"service_tier": "scale"},
        {"response_format": {"type": "json_object"}}, {"parallel_tool_calls": False}, {"tool_choice": "sometimes"},
    ],
    ids=str,
)  # fmt: skip
def test_a_field_that_bedrock_has_no_word_for_is_named(body: Json) -> None:
    with pytest.raises(Inexpressible) as caught:
        added(body)
    assert caught.value.param == next(iter(body))


def test_two_limits_that_differ_are_refused() -> None:
    assert refused({"max_tokens": 5, "max_completion_tokens": 6}) == "max_tokens"


def test_a_json_schema_goes_as_text() -> None:
    schema = {"type": "object", "properties": {"ä": {"type": "string"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": schema}}
    structure = {"jsonSchema": {"schema": json.dumps(schema, ensure_ascii=False), "name": "n"}}
    text_format = {"type": "json_schema", "structure": structure}
    assert added({"response_format": wanted}) == {"outputConfig": {"textFormat": text_format}}


@pytest.mark.parametrize(
    ("model", "effort", "request_"),
    [
        (CLAUDE, "low", {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}}}),
        (CLAUDE, "none", {}),
        (NEWER_CLAUDE, "minimal", {**ADAPTIVE, "outputConfig": {"effort": "low"}}),
        (NEWER_CLAUDE, "max", {**ADAPTIVE, "outputConfig": {"effort": "max"}}),
        (NEWER_CLAUDE, "none", {}),
        ("anthropic.claude-opus-5", "none", {"additionalModelRequestFields": {"thinking": {"type": "disabled"}}}),
        (NOVA_2, "high", {"additionalModelRequestFields": {"reasoningConfig": NOVA_HIGH}}),
        ("openai.gpt-oss-20b-1:0", "low", {"additionalModelRequestFields": {"reasoning_effort": "low"}}),
        ("deepseek.v3-v1:0", "low", {"outputConfig": {"effort": "low"}}),
    ],
)  # fmt: skip
def test_effort_in_the_words_of_each_family(model: str, effort: str, request_: Json) -> None:
    assert added({"reasoning_effort": effort}, model) == request_


def test_an_effort_fits_into_the_limit_of_the_answer() -> None:
    told = added({"reasoning_effort": "high", "max_tokens": 1500}, CLAUDE)
    assert told["additionalModelRequestFields"]["thinking"]["budget_tokens"] == 1499
    assert refused({"reasoning_effort": "low", "max_tokens": 1024}, CLAUDE) == "reasoning_effort"


@pytest.mark.parametrize(("model", "thinks"), [(CLAUDE, False), (NEWER_CLAUDE, True), (NOVA_2, True)])
def test_a_turn_whose_thoughts_are_lost_ends_without_them(model: str, thinks: bool) -> None:
    request = DIALECTS["converse"].request({"messages": CALLED, "tools": [TOOL], "reasoning_effort": "low"}, model)
    assert ("additionalModelRequestFields" in request) is thinks


def test_an_effort_that_a_family_does_not_know_is_named() -> None:
    assert refused({"reasoning_effort": "minimal"}, NOVA_2) == "reasoning_effort"
    assert refused({"reasoning_effort": "none"}, "anthropic.claude-opus-5-5") == "reasoning_effort"


def test_a_models_own_fields_and_bedrocks_own_words_reach_it() -> None:
    body = {
        "top_k": 3,
        "thinking": {"type": "enabled"},
        "extra_body": {"additionalModelRequestFields": {"a": 1}, "performanceConfig": {"latency": "optimized"}},
        "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
        "metadata": {"team": "x"},
        "service_tier": "flex",
    }
    assert added(body, CLAUDE) == {
        "additionalModelRequestFields": {"top_k": 3, "thinking": {"type": "enabled"}, "a": 1},
        "performanceConfig": {"latency": "optimized"},
        "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"},
        "requestMetadata": {"team": "x"},
        "serviceTier": {"type": "flex"},
    }


def test_top_k_of_nova_has_a_place_of_its_own() -> None:
    assert added({"top_k": 3}) == {"additionalModelRequestFields": {"inferenceConfig": {"topK": 3}}}


# tools


@pytest.mark.parametrize(
    ("choice", "config"),
    [
        ("auto", {"tools": [SPEC, OTHER_SPEC]}),
        ("required", {"tools": [SPEC, OTHER_SPEC], "toolChoice": {"any": {}}}),
        (LOOK, {"tools": [SPEC, OTHER_SPEC], "toolChoice": {"tool": {"name": "look"}}}),
        (allowed("auto"), {"tools": [SPEC]}),
        (allowed("required"), {"tools": [SPEC], "toolChoice": {"any": {}}}),
    ],
    ids=str,
)  # fmt: skip
def test_which_tool_may_be_called(choice: Any, config: Json) -> None:
    assert added({"tools": [TOOL, OTHER], "tool_choice": choice}) == {"toolConfig": config}


def test_no_tool_may_be_called() -> None:
    assert added({"tools": [TOOL], "tool_choice": "none"}) == {}


def test_calls_cannot_be_forbidden_once_there_were_some() -> None:
    assert refused({"messages": CALLED, "tools": [TOOL], "tool_choice": "none"}) == "tool_choice"


def test_a_conversation_with_calls_declares_their_functions() -> None:
    stand_in = {"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object", "properties": {}}}}}
    assert added({"messages": CALLED}) == {"toolConfig": {"tools": [stand_in]}}


def test_a_described_strict_tool_with_a_cache_mark() -> None:
    function = {"name": "look", "description": "Looks.", "strict": True, "parameters": {}}
    tools = [{"type": "function", "function": function, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    spec = {"name": "look", "description": "Looks.", "inputSchema": {"json": {}}, "strict": True}
    blocks = [{"toolSpec": spec}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert added({"tools": tools}) == {"toolConfig": {"tools": blocks}}


def test_deprecated_functions() -> None:
    body = {"functions": [TOOL["function"]], "function_call": {"name": "look"}}
    assert added(body) == {"toolConfig": {"tools": [SPEC], "toolChoice": {"tool": {"name": "look"}}}}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "x"}}}, "tool_choice"),
        ({"tools": [TOOL], "functions": [{"name": "f"}]}, "functions"),
        ({"tools": [{"type": "custom", "custom": {}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": [{**TOOL, "odd": 1}]}, "tools[0].odd"),
        ({"metadata": {"a": 1}}, "metadata.a"),
    ],
    ids=str,
)
def test_wrong_tools_are_named(body: Json, param: str) -> None:
    assert refused(body) == param


# any request

_TEXT = st.text(max_size=8)
_ARGUMENTS = st.dictionaries(_TEXT, st.integers(), max_size=2).map(json.dumps)
_PART = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, _TEXT),
    st.just({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}),
    st.builds(
        lambda name: {"type": "file", "file": {"file_id": f"s3://bucket/id/{name}", "format": "application/pdf"}}, _TEXT
    ),
    st.just({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}),
)
_CALL = st.builds(
    lambda call_id, arguments: {
        "id": call_id,
        "type": "function",
        "function": {"name": "look", "arguments": arguments},
    },
    _TEXT,
    _ARGUMENTS,
)
_MESSAGE = st.one_of(
    st.builds(
        lambda role, text: {"role": role, "content": text}, st.sampled_from(["system", "developer", "user"]), _TEXT
    ),
    st.builds(lambda parts: {"role": "user", "content": parts}, st.lists(_PART, max_size=3)),
    st.builds(
        lambda text, calls: {"role": "assistant", "content": text, "tool_calls": calls},
        st.none() | _TEXT,
        st.lists(_CALL, max_size=2),
    ),
    st.builds(lambda call_id, text: {"role": "tool", "tool_call_id": call_id, "content": text}, _TEXT, _TEXT),
)
_BODY = st.fixed_dictionaries(
    {"messages": st.lists(_MESSAGE, min_size=1, max_size=6)},
    optional={
        "temperature": st.floats(0, 1),
        "max_tokens": st.integers(1, 100),
        "stop": st.lists(_TEXT, max_size=3),
        "tools": st.lists(st.sampled_from([TOOL, OTHER]), max_size=2),
        "reasoning_effort": st.sampled_from(["none", "low", "medium", "high"]),
        "response_format": st.just({"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}),
    },
)


@settings(deadline=None, max_examples=150)
@given(_BODY, st.sampled_from([NOVA, NOVA_2, CLAUDE, "unknown"]))
def test_any_request_is_one_that_botocore_would_send_or_is_refused(body: Json, model: str) -> None:
    try:
        request = DIALECTS["converse"].request(body, model)
    except InvalidRequest:
        return
    assert_request(request)
    roles = [message["role"] for message in request["messages"]]
    assert all(before != after for before, after in pairwise(roles))
