"""Claude's streams: the chunks, their re-assembly, any split of the bytes, and every way to end."""

import json
from itertools import pairwise
from typing import Any

import pytest
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk
from pydantic import TypeAdapter

from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.dialects.sse import SseDecoder, error_event
from tests.openai_schema import assert_valid

Json = dict[str, Any]
EXCHANGE = Exchange("chatcmpl-1", 1700000000, "public-name")
WITH_USAGE = Exchange("chatcmpl-1", 1700000000, "public-name", include_usage=True)
INCOMPLETE = error_event("Anthropic's stream ended before the answer was complete.")
NO_PART = error_event("Anthropic sent an event that is not a part of an answer.")
EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
USAGE = {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 4, "service_tier": "priority"}
PING = {"type": "ping"}


def begin() -> Json:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-1", "content": []}
    return {"type": "message_start", "message": {**head, "stop_reason": None, "stop_sequence": None, "usage": USAGE}}


def end(stop: str = "end_turn", **more: Any) -> list[Json]:
    delta = {"stop_reason": stop, "stop_sequence": None, **more}
    return [{"type": "message_delta", "delta": delta, "usage": {"output_tokens": 7}}, {"type": "message_stop"}]


def block(index: int, opened: Json, *deltas: Json) -> list[Json]:
    return [
        {"type": "content_block_start", "index": index, "content_block": opened},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *words: str, citations: tuple[Json, ...] = ()) -> list[Json]:
    cited = [{"type": "citations_delta", "citation": citation} for citation in citations]
    grown = [{"type": "text_delta", "text": word} for word in words]
    return block(index, {"type": "text", "text": "", "citations": None}, *grown, *cited)


def thought(index: int, *words: str) -> list[Json]:
    grown = [{"type": "thinking_delta", "thinking": word} for word in words]
    signed = {"type": "signature_delta", "signature": "c2ln"}
    return block(index, {"type": "thinking", "thinking": "", "signature": ""}, *grown, signed)


def call(index: int, name: str, *pieces: str, kind: str = "tool_use") -> list[Json]:
    opened = {"type": kind, "id": f"toolu_{index}", "name": name, "input": {}}
    return block(index, opened, *({"type": "input_json_delta", "partial_json": piece} for piece in pieces))


def wire(*events: Json) -> bytes:
    lines = (f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n" for event in events)
    return "".join(lines).encode()


def translate(*data: bytes, exchange: Exchange = EXCHANGE, broken: str | None = None) -> bytes:
    stream = DIALECTS["anthropic"].stream(exchange)
    return b"".join(map(stream.feed, data)) + stream.finish(broken)


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


def test_a_thought_is_told_as_it_comes_and_signed_at_its_end() -> None:
    hidden = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
    assert deltas(*thought(0, "h", "m"), *block(1, hidden), *end()) == [
        ({"reasoning_content": "h"}, None),
        ({"reasoning_content": "m"}, None),
        ({"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}]}, None),
        ({"thinking_blocks": [hidden]}, None),
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


TEXTS = st.text(st.sampled_from("aé\n\u2028😀"), max_size=4)
CITATION = {"type": "web_search_result_location", "url": "https://e.com", "title": "t", "cited_text": "x"}
BLOCKS = st.one_of(
    st.builds(lambda words, n: ("text", words, [CITATION] * n), st.lists(TEXTS, max_size=3), st.integers(0, 2)),
    st.builds(lambda words: ("thinking", words), st.lists(TEXTS, max_size=3)),
    st.builds(lambda data: ("redacted_thinking", data), TEXTS),
    st.builds(lambda value: ("tool_use", value), st.dictionaries(TEXTS, TEXTS | st.integers(), max_size=2)),
    st.builds(lambda value: ("server_tool_use", value), st.dictionaries(TEXTS, TEXTS, max_size=2)),
    st.just(("web_search_tool_result",)),
)
ENDS = st.sampled_from(["end_turn", "max_tokens", "tool_use", "refusal", "pause_turn", "stop_sequence"])


def streamed(blocks: list[Any], stop: str) -> list[Json]:
    events = [begin()]
    for index, made in enumerate(blocks):
        match made:
            case ("text", words, cited):
                events += text(index, *words, citations=tuple(cited))
            case ("thinking", words):
                events += thought(index, *words)
            case ("tool_use" | "server_tool_use" as kind, value):
                written = json.dumps(value, ensure_ascii=False)
                events += call(index, "f", *(written[i : i + 3] for i in range(0, len(written), 3)), kind=kind)
            case _:
                events += block(index, whole_block(index, made))
    return [*events, *end(stop)]


def whole_block(index: int, made: Any) -> Json:
    match made:
        case ("text", words, cited):
            return {"type": "text", "text": "".join(words), "citations": cited or None}
        case ("thinking", words):
            return {"type": "thinking", "thinking": "".join(words), "signature": "c2ln"}
        case ("redacted_thinking", data):
            return {"type": "redacted_thinking", "data": data}
        case ("web_search_tool_result",):
            return {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}
        case (kind, value):
            return {"type": kind, "id": f"toolu_{index}", "name": "f", "input": value}


def assemble(values: list[Json]) -> Json:
    """What a client makes of the deltas: texts and lists grow, calls by their index, everything else is replaced."""
    message: Json = {"refusal": None}
    for delta in (c["delta"] for value in values for c in value["choices"]):
        for key, value in delta.items():
            if key == "tool_calls":
                grow_calls(message.setdefault(key, []), value)
            else:
                grows = isinstance(value, str | list) and message.get(key) is not None
                message[key] = message[key] + value if grows else value
    return {"message": message, "finish_reason": values[-1]["choices"][0]["finish_reason"]}


def grow_calls(calls: list[Json], pieces: list[Json]) -> None:
    for piece in pieces:
        index, grown = piece.pop("index"), piece["function"]["arguments"]
        if index == len(calls):
            calls.append(piece)
        else:
            calls[index]["function"]["arguments"] += grown


@settings(deadline=None)
@given(st.lists(BLOCKS, max_size=5), ENDS)
def test_the_assembled_stream_is_the_answer_in_one_piece(blocks: list[Any], stop: str) -> None:
    content = [whole_block(index, made) for index, made in enumerate(blocks)]
    (whole,) = DIALECTS["anthropic"].response({"content": content, "stop_reason": stop}, EXCHANGE)["choices"]
    *bodies, _ = SseDecoder().feed(translate(wire(*streamed(blocks, stop))))
    assembled = assemble([json.loads(body) for body in bodies])

    whole["message"]["content"] = whole["message"]["content"] or ""  # a stream begins before it is known
    assert assembled == {"message": whole["message"], "finish_reason": whole["finish_reason"]}


@settings(deadline=None)
@given(st.lists(BLOCKS, max_size=5), ENDS)
def test_every_chunk_has_openais_shape(blocks: list[Any], stop: str) -> None:
    *bodies, done = SseDecoder().feed(translate(wire(*streamed(blocks, stop))))
    for body in bodies:
        assert_valid("CreateChatCompletionStreamResponse", json.loads(body))
    assert done == b"[DONE]"


@settings(deadline=None)
@given(st.lists(BLOCKS, max_size=4), ENDS, st.data())
def test_any_split_gives_the_same_chunks(blocks: list[Any], stop: str, draw: st.DataObject) -> None:
    data = wire(*streamed(blocks, stop))
    cuts = draw.draw(st.lists(st.integers(0, len(data))))
    pieces = [data[begun:ended] for begun, ended in pairwise([0, *sorted(cuts), len(data)])]
    assert translate(*pieces) == translate(data)
