"""Mistral's streams: the chunks, their re-assembly, any split of the bytes, and every way to end."""

import json
from itertools import chain, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mistralai.client.models import CompletionChunk
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.dialects.sse import DONE, SseDecoder, error_event
from tests.openai_schema import assert_valid
from tests.openai_stream import assembled, of_a_whole

Json = dict[str, Any]
EXCHANGE = Exchange("chatcmpl-1", 1700000000, "public-name")
WITH_USAGE = Exchange("chatcmpl-1", 1700000000, "public-name", include_usage=True)
HEAD = {"id": "cmpl-1", "object": "chat.completion.chunk", "created": 1700000001, "model": "m-1"}
INCOMPLETE = error_event("Mistral's stream ended before the answer was complete.")
NO_PART = error_event("Mistral sent an event that is not a part of an answer.")
BROKEN_OFF = error_event("Mistral broke off the answer.")


def wire(*events: Any, done: bytes = DONE) -> bytes:
    """As Mistral frames it."""
    lines = (b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n" for event in events)
    return b"".join(lines) + done


def piece(delta: Json, *, index: int = 0, finish: str | None = None, **more: Any) -> Json:
    chunk = {**HEAD, "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more}
    CompletionChunk.model_validate(chunk)
    return chunk


def call(text: str, *, key: str | None = "abcdefghi", index: int = 0, name: str = "f") -> Json:
    told = {} if key is None else {"id": key}
    return {**told, "function": {"name": name, "arguments": text}, "index": index}


def translate(*data: bytes, exchange: Exchange = EXCHANGE, broken: str | None = None) -> bytes:
    stream = DIALECTS["mistral"].stream(exchange)
    return b"".join(map(stream.feed, data)) + stream.finish(broken)


def chunks(*events: Any, exchange: Exchange = EXCHANGE) -> list[Json]:
    """The chunks of a complete stream, each of OpenAI's shape."""
    *bodies, done = SseDecoder().feed(translate(wire(*events), exchange=exchange))
    values = [json.loads(body) for body in bodies]
    for value in values:
        assert_valid("CreateChatCompletionStreamResponse", value)
        ChatCompletionChunk.model_validate(value, strict=True)
    assert done == b"[DONE]"
    return values


def deltas(*events: Any, exchange: Exchange = EXCHANGE) -> list[tuple[Json, str | None]]:
    values = chunks(*events, exchange=exchange)
    return [(c["delta"], c["finish_reason"]) for chunk in values for c in chunk["choices"]]


def test_a_chunk_per_event_that_says_something() -> None:
    events = (
        piece({"role": "assistant", "content": "Hel"}),
        piece({"content": ""}),
        piece({"content": "lo"}, finish="stop"),
    )
    choice = {"index": 0, "logprobs": None, "finish_reason": None}
    assert chunks(*events) == [
        {**HEAD, "choices": [{**choice, "delta": {"role": "assistant", "content": "Hel"}}]},
        {**HEAD, "choices": [{**choice, "delta": {"content": "lo"}, "finish_reason": "stop"}]},
    ]


def test_usage_comes_last_and_is_null_before() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    values = chunks(piece({"content": "a"}), piece({}, finish="stop", usage=usage), exchange=WITH_USAGE)
    assert [(len(v["choices"]), v["usage"] and v["usage"]["total_tokens"]) for v in values] == [
        (1, None),
        (1, None),
        (0, 3),
    ]


def test_usage_that_nobody_asked_for_is_kept_back() -> None:
    assert ["usage" in value for value in chunks(piece({}, finish="stop", usage={"total_tokens": 3}))] == [False]


def test_thoughts_come_apart_from_the_text() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    assert deltas(piece({"content": [thought]}), piece({"content": "a"}, finish="stop")) == [
        ({"role": "assistant", "content": "", "reasoning_content": "hm"}, None),
        ({"content": "a"}, "stop"),
    ]


def begun(index: int, key: str, name: str, text: str) -> Json:
    return {"index": index, "id": key, "type": "function", "function": {"name": name, "arguments": text}}


def test_calls_in_one_piece() -> None:
    calls = [call("{}"), call("{}", key="ihgfedcba", index=1, name="g")]
    assert deltas(piece({"content": "", "tool_calls": calls}, finish="tool_calls")) == [
        (
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [begun(0, "abcdefghi", "f", "{}"), begun(1, "ihgfedcba", "g", "{}")],
            },
            None,
        ),
        ({}, "tool_calls"),
    ]


def test_the_sdk_tells_the_end_of_every_call() -> None:
    calls = [call("{}"), call("{}", key="ihgfedcba", index=1, name="g")]
    state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
    values = map(ChatCompletionChunk.model_validate, chunks(piece({"tool_calls": calls}, finish="tool_calls")))
    told = [event.type for value in values for event in state.handle_chunk(value)]
    assert told.count("tool_calls.function.arguments.done") == 2


@pytest.mark.parametrize("later", ["abcdefghi", "null", None])
def test_calls_in_pieces(later: str | None) -> None:
    events = (
        piece({"tool_calls": [call('{"x"')]}),
        piece({"tool_calls": [call(": 1}", key=later)]}, finish="tool_calls"),
    )
    assert [delta["tool_calls"] for delta, _ in deltas(*events) if delta] == [
        [begun(0, "abcdefghi", "f", '{"x"')],
        [{"index": 0, "function": {"arguments": ": 1}"}}],
    ]


def test_parallel_calls_that_all_say_index_zero() -> None:
    events = (
        piece({"tool_calls": [call("{}")]}),
        piece({"tool_calls": [call("{}", key="ihgfedcba")]}, finish="tool_calls"),
    )
    assert [delta["tool_calls"][0]["index"] for delta, _ in deltas(*events) if delta] == [0, 1]


def test_a_request_with_functions_is_answered_with_function_call() -> None:
    exchange = Exchange("chatcmpl-1", 1700000000, "public-name", functions=True)
    events = (piece({"tool_calls": [call('{"x"')]}), piece({"tool_calls": [call(": 1}")]}, finish="tool_calls"))
    assert deltas(*events, exchange=exchange) == [
        ({"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": '{"x"'}}, None),
        ({"function_call": {"arguments": ": 1}"}}, None),
        ({}, "function_call"),
    ]


def test_choices_do_not_mix() -> None:
    events = (
        piece({"content": "a"}),
        piece({"tool_calls": [call("{}")]}, index=1, finish="tool_calls"),
        piece({"content": "b"}, finish="model_length"),
    )
    ends = {c["index"]: c["finish_reason"] for value in chunks(*events) for c in value["choices"] if c["finish_reason"]}
    assert ends == {1: "tool_calls", 0: "length"}


FLAT = {"object": "error", "message": "Slow down", "type": "rate_limited", "param": None, "code": "1300"}


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", INCOMPLETE),
        (DONE, INCOMPLETE),
        (wire(piece({"content": "a"}), done=b""), INCOMPLETE),
        (wire(piece({"content": "a"}, finish="stop"), piece({"content": "b"}, index=1)), INCOMPLETE),
        (wire(piece({"content": "a"}, finish="error")), BROKEN_OFF),
        (wire(FLAT), error_event("Slow down", code="1300")),
        (wire({"error": FLAT}, piece({}, finish="stop")), error_event("Slow down", code="1300")),
        (wire({"error": "Slow down"}), error_event("Slow down")),
        (wire({"detail": "Slow down"}), error_event("Slow down")),
        (wire({}), BROKEN_OFF),
        (wire({"choices": ["x"]}), NO_PART),
        (wire({"choices": [{"index": 0}]}), NO_PART),
        (wire("x"), NO_PART),
        (wire(5), NO_PART),
        (b"data: {nonsense\n\n", NO_PART),
        (b"data: \xff\n\n", NO_PART),
        (b"data: " + b"[" * 99_999 + b"\n\n", NO_PART),
    ],
)
def test_an_incomplete_stream_ends_with_one_error(data: bytes, error: bytes) -> None:
    sent = translate(data)
    assert (sent.endswith(error), sent.count(b'"error"'), DONE in sent) == (True, 1, False)


def test_a_cut_before_the_end_is_an_error() -> None:
    sent = translate(wire(piece({"content": "a"}, finish="stop"), done=b""), broken="connection lost")
    assert sent.endswith(error_event("connection lost"))


def test_a_cut_after_the_end_is_none() -> None:
    assert translate(wire(piece({"content": "a"}, finish="stop")), broken="connection lost").endswith(DONE)


def test_a_complete_answer_needs_no_last_word() -> None:
    assert translate(wire(piece({"content": "a"}, finish="stop"), done=b"")).endswith(DONE)


TEXTS = st.text(st.sampled_from("aé\n\u2028😀"), max_size=4)
CHUNKS = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, TEXTS),
    st.builds(lambda text: {"type": "thinking", "thinking": [{"type": "text", "text": text}]}, TEXTS),
    st.builds(lambda text: {"type": "thinking", "thinking": [], "signature": text + "s"}, TEXTS),
    st.just({"type": "reference", "reference_ids": [1, "a"]}),
)
CALLS = st.lists(st.tuples(st.lists(TEXTS, min_size=1, max_size=3), st.booleans()), max_size=3)
ENDS = st.sampled_from(["stop", "length", "model_length", "tool_calls"])
CHOICES = st.lists(
    st.tuples(st.lists(TEXTS | st.lists(CHUNKS, max_size=3), max_size=4), CALLS, ENDS), min_size=1, max_size=2
)
Choice = tuple[list[Any], list[tuple[list[str], bool]], str]


def streamed(choices: list[Choice]) -> list[Json]:
    """Events in which each choice's content comes piece by piece, and then its calls."""
    events = []
    for i, (contents, calls, end) in enumerate(choices):
        events += [piece({"content": content}, index=i) for content in contents]
        for number, (texts, named) in enumerate(calls):
            key = f"call{number:05}"
            later = key if named else "null"
            parts = [
                call(texts[0], key=key, index=number),
                *(call(text, key=later, index=number) for text in texts[1:]),
            ]
            events += [piece({"tool_calls": [part]}, index=i) for part in parts]
        events.append(piece({"content": ""}, index=i, finish=end))
    return events


def in_one_piece(choices: list[Choice]) -> Json:
    made = []
    for i, (contents, calls, end) in enumerate(choices):
        parts = chain.from_iterable([{"type": "text", "text": c}] if isinstance(c, str) else c for c in contents)
        whole = [call("".join(texts), key=f"call{number:05}", index=number) for number, (texts, _) in enumerate(calls)]
        made.append({"index": i, "message": {"content": list(parts), "tool_calls": whole}, "finish_reason": end})
    return {**HEAD, "choices": made}


@settings(deadline=None)
@given(CHOICES)
def test_the_assembled_stream_is_the_answer_in_one_piece(choices: list[Choice]) -> None:
    whole = DIALECTS["mistral"].response(in_one_piece(choices), EXCHANGE)["choices"]
    values = chunks(*streamed(choices))
    assert [assembled(values, choice["index"]) for choice in whole] == list(map(of_a_whole, whole))


@settings(deadline=None)
@given(CHOICES, st.data())
def test_any_split_gives_the_same_chunks(choices: list[Choice], draw: st.DataObject) -> None:
    data = wire(*streamed(choices))
    cuts = draw.draw(st.lists(st.integers(0, len(data))))
    pieces = [data[start:end] for start, end in pairwise([0, *sorted(cuts), len(data)])]
    assert translate(*pieces) == translate(data)
