"""Bedrock's answers and streams: the chunks, their re-assembly, any split of the bytes, and every way to end."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.dialects.sse import DONE, SseDecoder, error_event
from managed_files.sandbox.eventstream import event, exception, frame
from tests.converse_model import OUR_USAGE, SERVER_USE, USAGE, answer, text, thought, use, whole
from tests.openai_schema import assert_valid
from tests.openai_stream import assembled, of_a_whole

Json = dict[str, Any]
EXCHANGE = Exchange("chatcmpl-1", 1700000000, "public-name")
WITH_USAGE = Exchange("chatcmpl-1", 1700000000, "public-name", include_usage=True)
FUNCTIONS = Exchange("chatcmpl-1", 1700000000, "public-name", functions=True)
NO_PART = error_event("Bedrock sent an event that is not a part of an answer.")
INCOMPLETE = error_event("Bedrock's stream ended before the answer was complete.")


def delta(index: int, kind: Json) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": kind})


def block_events(index: int, block: Json) -> list[bytes]:
    """One block as Bedrock streams it."""
    stop = event("contentBlockStop", {"contentBlockIndex": index})
    if "toolUse" in block:
        head = {name: value for name, value in block["toolUse"].items() if name != "input"}
        arguments = json.dumps(block["toolUse"]["input"]) if block["toolUse"]["input"] else ""
        pieces = [delta(index, {"toolUse": {"input": piece}}) for piece in (arguments[:3], arguments[3:])]
        return [event("contentBlockStart", {"contentBlockIndex": index, "start": {"toolUse": head}}), *pieces, stop]
    if "reasoningContent" in block:
        content = block["reasoningContent"]
        if "redactedContent" in content:
            return [delta(index, {"reasoningContent": content}), stop]
        parts = [{name: value} for name, value in content["reasoningText"].items()]
        return [*(delta(index, {"reasoningContent": part}) for part in parts), stop]
    words = block["text"]
    return [delta(index, {"text": words[:2]}), delta(index, {"text": words[2:]}), stop]


def wire(*blocks: Json, reason: str = "end_turn") -> bytes:
    body = [piece for index, block in enumerate(blocks) for piece in block_events(index, block)]
    end = [
        event("messageStop", {"stopReason": reason}),
        event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}),
    ]
    return b"".join([event("messageStart", {"role": "assistant"}), *body, *end])


def translate(*data: bytes, exchange: Exchange = EXCHANGE, broken: str | None = None) -> bytes:
    stream = DIALECTS["converse"].stream(exchange)
    return b"".join(map(stream.feed, data)) + stream.finish(broken)


def chunks(data: bytes, exchange: Exchange = EXCHANGE) -> list[Json]:
    """The chunks of a complete stream, each of OpenAI's shape."""
    *bodies, done = SseDecoder().feed(translate(data, exchange=exchange))
    values = [json.loads(body) for body in bodies]
    for value in values:
        assert_valid("CreateChatCompletionStreamResponse", value)
        ChatCompletionChunk.model_validate(value, strict=True)
    assert done == b"[DONE]"
    return values


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("tool_use", "stop"),  # a server's tool, as there is none to call here
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
    ],
)
def test_finish_reasons(reason: str, ours: str) -> None:
    streamed = assembled(chunks(wire(text("a"), reason=reason)))["finish_reason"]
    assert (whole(text("a"), reason=reason)["finish_reason"], streamed) == (ours, ours)


@pytest.mark.parametrize("reason", ["malformed_tool_use", "malformed_model_output"])
def test_a_broken_output_says_so(reason: str) -> None:
    choice = whole(text("a"), reason=reason)
    told = (choice["finish_reason"], choice["message"]["refusal"])
    streamed = assembled(chunks(wire(text("a"), reason=reason)))
    assert told == ("stop", f"Bedrock ended the answer: {reason}")
    assert streamed == of_a_whole(choice)


# streams


def test_a_chunk_per_event_and_one_for_the_end() -> None:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "public-name"}
    choice = {"index": 0, "logprobs": None, "finish_reason": None}
    assert chunks(wire(text("Hello")), WITH_USAGE) == [
        {**head, "choices": [{**choice, "delta": {"role": "assistant", "content": ""}}], "usage": None},
        {**head, "choices": [{**choice, "delta": {"content": "He"}}], "usage": None},
        {**head, "choices": [{**choice, "delta": {"content": "llo"}}], "usage": None},
        {**head, "choices": [{**choice, "delta": {}, "finish_reason": "stop"}], "usage": None},
        {**head, "choices": [], "usage": OUR_USAGE},
    ]


_WORDS = st.text(min_size=1, max_size=6)
_BLOCKS = st.lists(
    st.one_of(
        st.builds(text, _WORDS),
        st.builds(thought, _WORDS, st.sampled_from([None, "c2ln"])),
        st.just({"reasoningContent": {"redactedContent": "aGlkZGVu"}}),
        st.builds(use, st.dictionaries(_WORDS, st.integers(), max_size=2), _WORDS),
        st.just(SERVER_USE),
    ),
    max_size=5,
)


@settings(deadline=None)
@given(_BLOCKS, st.sampled_from(["end_turn", "tool_use", "max_tokens", "content_filtered"]), st.booleans())
def test_a_streamed_answer_is_the_unstreamed_one(blocks: list[Json], reason: str, functions: bool) -> None:
    exchange = FUNCTIONS if functions else EXCHANGE
    value = DIALECTS["converse"].response(answer(*blocks, reason=reason), exchange)["choices"][0]
    for call in value["message"].get("tool_calls", ()):
        call["function"]["arguments"] = json.dumps(json.loads(call["function"]["arguments"]))
    if "function_call" in value["message"]:
        function = value["message"]["function_call"]
        value["message"]["function_call"] = {**function, "arguments": json.dumps(json.loads(function["arguments"]))}
    assert assembled(chunks(wire(*blocks, reason=reason), exchange)) == of_a_whole(value)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 2000), max_size=8))
def test_any_split_of_the_bytes_gives_the_same_chunks(cuts: list[int]) -> None:
    data = wire(thought("hm"), text("Hällo"), use({"at": 1}), reason="tool_use")
    borders = [0, *sorted(cuts), len(data)]
    pieces = [data[start:stop] for start, stop in pairwise(borders)]
    assert translate(*pieces) == translate(data)


def test_byte_by_byte() -> None:
    data = wire(text("Hällo"))
    assert translate(*(data[at : at + 1] for at in range(len(data)))) == translate(data)


# bad ends


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (exception("throttlingException", "Slow down."), error_event("Slow down.", code="throttlingException")),
        (
            frame({":message-type": "error", ":error-code": "InternalFailure", ":error-message": "Oh."}, b""),
            error_event("Oh.", code="InternalFailure"),
        ),
        (frame({":message-type": "event", ":event-type": "contentBlockDelta"}, b"not JSON"), NO_PART),
        (frame({":message-type": "event", ":event-type": "contentBlockDelta"}, b"[" * 99_999), NO_PART),
        (frame({":message-type": "event", ":event-type": "contentBlockDelta"}, b"[]"), NO_PART),
        (frame({":message-type": "event"}, b"{}"), NO_PART),
        (b'{"message": "this is JSON"}' * 2, NO_PART),
        (b"", INCOMPLETE),
        (wire(text("b"))[:50], INCOMPLETE),
    ],
)
def test_an_error_in_mid_stream_ends_it(last: bytes, error: bytes) -> None:
    begin = event("messageStart", {"role": "assistant"}) + delta(0, {"text": "a"})
    out = translate(begin, last, wire(text("more")) if error != INCOMPLETE else b"")
    assert (out.endswith(error), DONE in out) == (True, False)


def test_a_flipped_bit_is_found() -> None:
    data = bytearray(wire(text("Hello")))
    data[data.index(b"He")] ^= 1
    assert translate(bytes(data)).endswith(NO_PART)


def test_a_connection_that_breaks_is_told_in_the_words_given() -> None:
    assert translate(wire(text("a"))[:90], broken="It was cut.").endswith(error_event("It was cut."))


def test_events_that_are_not_known_yet_say_nothing() -> None:
    odd = event("somethingNew", {"a": 1}) + delta(0, {"somethingNew": 1})
    data = wire(text("a"))
    assert translate(odd + data) == translate(data)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_junk_never_raises(junk: bytes) -> None:
    assert translate(junk).endswith((NO_PART, INCOMPLETE))
