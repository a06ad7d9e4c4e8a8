"""Claude's streams: the chunks, and every way to end."""

import json
from typing import Any

import pytest
from anthropic.types import RawMessageStreamEvent
from openai.types.chat import ChatCompletionChunk
from pydantic import TypeAdapter

from managed_files.dialects.base import Exchange
from managed_files.dialects.sse import SseDecoder, error_event
from tests.anthropic_events import EXCHANGE, Json, begin, block, call, end, text, thought, translate, wire
from tests.openai_schema import assert_valid

WITH_USAGE = Exchange("chatcmpl-1", 1700000000, "public-name", include_usage=True)
INCOMPLETE = error_event("Anthropic's stream ended before the answer was complete.")
NO_PART = error_event("Anthropic sent an event that is not a part of an answer.")
EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
PING = {"type": "ping"}


def chunks(*events: Json, exchange: Exchange = EXCHANGE) -> list[Json]:
    """The chunks of a complete stream of Anthropic's events, each of OpenAI's shape."""
    for event in events:
        if event["type"] not in ("ping", "novelty"):
            EVENT.validate_python(event)
    *bodies, done = SseDecoder().feed(translate(wire(*events), exchange=exchange))
    values = [json.loads(body) for body in bodies]
    for value in values:
        assert_valid("CreateChatCompletionStreamResponse", value)
        ChatCompletionChunk.model_validate(value, strict=True)
    assert done == b"[DONE]"
    return values


def deltas(*events: Json, exchange: Exchange = EXCHANGE) -> list[tuple[Json, str | None]]:
    """What comes after the chunk that tells the role."""
    values = chunks(begin(), *events, exchange=exchange)
    return [(c["delta"], c["finish_reason"]) for chunk in values[1:] for c in chunk["choices"]]


def test_a_chunk_per_event_and_one_for_the_end() -> None:
    values = chunks(begin(), PING, *text(0, "Hel", "lo"), *end())
    head = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "claude-1",
        "service_tier": "priority",
    }
    choice = {"index": 0, "logprobs": None, "finish_reason": None}
    assert values == [
        {**head, "choices": [{**choice, "delta": {"role": "assistant", "content": ""}}]},
        {**head, "choices": [{**choice, "delta": {"content": "Hel"}}]},
        {**head, "choices": [{**choice, "delta": {"content": "lo"}}]},
        {**head, "choices": [{**choice, "delta": {}, "finish_reason": "stop"}]},
    ]


def test_usage_comes_last_and_is_null_before() -> None:
    values = chunks(begin(), *text(0, "a"), *end(), exchange=WITH_USAGE)
    assert ([value["usage"] for value in values[:-1]], values[-1]["choices"], values[-1]["usage"]) == (
        [None, None, None],
        [],
        {
            "prompt_tokens": 14,
            "completion_tokens": 7,
            "total_tokens": 21,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    )


def test_calls_are_counted_without_the_other_blocks() -> None:
    begun = {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    other = {"id": "toolu_2", "type": "function", "function": {"name": "g", "arguments": ""}}
    assert deltas(*text(0, "a"), *call(1, "f", "", '{"x"', ": 1}"), *call(2, "g"), *end("tool_use")) == [
        ({"content": "a"}, None),
        ({"tool_calls": [{"index": 0, **begun}]}, None),
        ({"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]}, None),
        ({"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}, None),
        ({"tool_calls": [{"index": 1, **other}]}, None),
        ({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}, None),
        ({}, "tool_calls"),
    ]


def test_a_request_with_functions_is_answered_with_function_call() -> None:
    exchange = Exchange("chatcmpl-1", 1700000000, "public-name", functions=True)
    assert deltas(*call(0, "f", "{", "}"), *call(1, "g", "{}"), *end("tool_use"), exchange=exchange) == [
        ({"function_call": {"name": "f", "arguments": ""}}, None),
        ({"function_call": {"arguments": "{"}}, None),
        ({"function_call": {"arguments": "}"}}, None),
        ({}, "function_call"),
    ]


def test_a_thought_is_told_as_it_comes_and_signed_at_the_end() -> None:
    hidden = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
    assert deltas(*thought(0, "h", "m"), *block(1, hidden), *end()) == [
        ({"reasoning_content": "h"}, None),
        ({"reasoning_content": "m"}, None),
        ({"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}, hidden]}, None),
        ({}, "stop"),
    ]


def test_what_only_the_next_turn_needs_comes_before_the_end() -> None:
    search = call(0, "web_search", '{"query": ', '"q"}', kind="server_tool_use")
    found = {"type": "web_search_tool_result", "tool_use_id": "toolu_0", "content": []}
    content = [
        {"type": "server_tool_use", "id": "toolu_0", "name": "web_search", "input": {"query": "q"}},
        found,
        {"type": "text", "text": "a", "citations": None},
    ]
    assert deltas(*search, *block(1, found), *text(2, "a"), *end("pause_turn")) == [
        ({"content": "a"}, None),
        ({"extra_content": {"anthropic": {"content": content, "stop_reason": "pause_turn"}}}, None),
        ({}, "stop"),
    ]


def test_a_refusal_half_way() -> None:
    details = {"type": "refusal", "explanation": "Not this.", "category": None}
    assert deltas(*text(0, "a"), *end("refusal", stop_details=details))[1:] == [
        ({"refusal": "Not this."}, None),
        ({}, "content_filter"),
    ]


def test_news_are_passed_over() -> None:
    grown = {"type": "content_block_delta", "index": 0, "delta": {"type": "novelty"}}
    start, *rest = text(0, "a")
    events = [begin(), start, grown, *rest, {"type": "novelty"}, *end()]
    assert translate(wire(*events)) == translate(wire(begin(), *text(0, "a"), *end()))


def broken_off(kind: str = "overloaded_error") -> Json:
    return {"type": "error", "error": {"type": kind, "message": "Overloaded"}, "request_id": "req_1"}


OVERLOADED = error_event("Overloaded", code="overloaded_error")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", INCOMPLETE),
        (wire(begin()), INCOMPLETE),
        (wire(begin(), *text(0, "a"), *end()[:1]), INCOMPLETE),
        (wire(begin(), *text(0, "a"), *end())[:-1], INCOMPLETE),
        (wire(broken_off()), OVERLOADED),
        (wire(begin(), *text(0, "a"), broken_off()), OVERLOADED),
        (wire(begin(), broken_off(), *text(0, "late"), *end()), OVERLOADED),
        (wire({"type": "error", "error": {}}), error_event("Anthropic broke off the answer.")),
        (wire({"type": "error", "error": "x"}), NO_PART),
        (wire({"type": "message_start"}), NO_PART),
        (wire(begin(), *text(0, "a")[1:]), NO_PART),
        (wire(begin(), *block(0, {"type": "text"})), NO_PART),
        (b"data: []\n\n", NO_PART),
        (b"data: 5\n\n", NO_PART),
        (b"data: {nonsense\n\n", NO_PART),
        (b"data: \xff\n\n", NO_PART),
        (b"data: " + b"[" * 99_999 + b"\n\n", NO_PART),
    ],
)
def test_an_incomplete_stream_ends_with_one_error(data: bytes, error: bytes) -> None:
    sent = translate(data)
    assert (sent.endswith(error), sent.count(b'"error"'), b"[DONE]" in sent) == (True, 1, False)


def test_a_cut_is_an_error_only_before_the_end() -> None:
    whole = wire(begin(), *text(0, "a"), *end())
    cut = translate(whole[:-20], broken="connection lost")
    assert (translate(whole, broken="connection lost"), cut.endswith(error_event("connection lost"))) == (
        translate(whole),
        True,
    )
