"""Gemini's streams: the chunks, their re-assembly, any split of the bytes, and every way to end."""

import json
from itertools import chain, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.dialects.sse import SseDecoder, error_event
from tests.openai_schema import assert_valid
from tests.openai_stream import assembled, of_a_whole

Json = dict[str, Any]
EXCHANGE = Exchange("chatcmpl-1", 1700000000, "public-name")
WITH_USAGE = Exchange("chatcmpl-1", 1700000000, "public-name", include_usage=True)
INCOMPLETE = error_event("Gemini's stream ended before the answer was complete.")


def wire(*events: Any) -> bytes:
    """As Google frames it: CRLF, and no `[DONE]`."""
    return b"".join(b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\r\n\r\n" for event in events)


def piece(*parts: Json, index: int = 0, **more: Any) -> Json:
    return {"candidates": [{"index": index, "content": {"role": "model", "parts": list(parts)}, **more}]}


def translate(*data: bytes, exchange: Exchange = EXCHANGE, broken: str | None = None) -> bytes:
    stream = DIALECTS["gemini"].stream(exchange)
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


def deltas(*events: Any) -> list[tuple[Json, str | None]]:
    return [(c["delta"], c["finish_reason"]) for chunk in chunks(*events) for c in chunk["choices"]]


def test_a_chunk_per_event_and_one_for_the_end() -> None:
    values = chunks({**piece({"text": "Hel"}), "modelVersion": "g-1"}, piece({"text": "lo"}, finishReason="STOP"))
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "g-1"}
    choice = {"index": 0, "logprobs": None, "finish_reason": None}
    assert values == [
        {**head, "choices": [{**choice, "delta": {"role": "assistant", "content": "Hel"}}]},
        {**head, "choices": [{**choice, "delta": {"content": "lo"}}]},
        {**head, "choices": [{**choice, "delta": {}, "finish_reason": "stop"}]},
    ]


def test_usage_comes_last_and_is_null_before() -> None:
    events = (
        {**piece({"text": "a"}), "usageMetadata": {"promptTokenCount": 1}},
        piece(finishReason="STOP"),
        {"usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2}},
    )
    values = chunks(*events, exchange=WITH_USAGE)
    assert [(len(v["choices"]), v["usage"] and v["usage"]["total_tokens"]) for v in values] == [
        (1, None),
        (1, None),
        (0, 3),
    ]


def test_tool_calls_are_numbered_across_events() -> None:
    call = {"functionCall": {"id": "c1", "name": "f", "args": {"x": 1}}, "thoughtSignature": "c2ln"}
    second = {"functionCall": {"id": "c2", "name": "g"}}
    function = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    signed = {**function, "extra_content": {"google": {"thought_signature": "c2ln"}}}
    assert deltas(piece(call), piece(second, finishReason="STOP")) == [
        ({"role": "assistant", "content": "", "tool_calls": [signed]}, None),
        (
            {
                "tool_calls": [
                    {"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}}
                ]
            },
            None,
        ),
        ({}, "tool_calls"),
    ]


def test_a_request_with_functions_is_answered_with_function_call() -> None:
    exchange = Exchange("chatcmpl-1", 1700000000, "public-name", functions=True)
    values = chunks(piece({"functionCall": {"name": "f"}}, finishReason="STOP"), exchange=exchange)
    assert [(c["delta"], c["finish_reason"]) for value in values for c in value["choices"]] == [
        ({"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "{}"}}, None),
        ({}, "function_call"),
    ]


def test_probabilities_stand_beside_their_text() -> None:
    result = {"chosenCandidates": [{"token": "a", "logProbability": -1.5}]}
    (role, first, _) = chunks(piece({"text": "a"}, logprobsResult=result, finishReason="STOP"))
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert first["choices"][0]["logprobs"] == {
        "content": [{"token": "a", "logprob": -1.5, "bytes": [97], "top_logprobs": []}],
        "refusal": None,
    }


def test_the_sdk_counts_the_probabilities_of_every_candidate_once() -> None:
    told = {"logprobsResult": {"chosenCandidates": [{"token": "a", "logProbability": -1.5}]}, "finishReason": "STOP"}
    state: ChatCompletionStreamState[Any] = ChatCompletionStreamState()
    for value in chunks(piece({"text": "a"}, **told), piece({"text": "a"}, index=1, **told)):
        state.handle_chunk(ChatCompletionChunk.model_validate(value))
    choices = state.current_completion_snapshot.choices
    assert [len(choice.logprobs.content or ()) for choice in choices if choice.logprobs] == [1, 1]


def test_candidates_do_not_mix() -> None:
    call = {"functionCall": {"id": "c1", "name": "f"}}
    events = (
        piece({"text": "a"}),
        piece(call, index=1, finishReason="STOP"),
        piece({"text": "b"}, finishReason="STOP"),
    )
    ends = [(c["index"], c["finish_reason"]) for c in chunks(*events)[-1]["choices"]]
    assert ends == [(0, "stop"), (1, "tool_calls")]


def test_sources_come_once_at_the_end() -> None:
    cited = {"citationMetadata": {"citations": [{"uri": "https://a.example/b"}]}}
    events = (piece({"text": "a"}, **cited), piece({"text": "b"}, finishReason="STOP", **cited))
    assert deltas(*events)[-1] == ({"citations": [{"uri": "https://a.example/b"}]}, "stop")


def test_stop_on_every_event_ends_nothing_early() -> None:
    ends = [
        end for _, end in deltas(piece({"text": "a"}, finishReason="STOP"), piece({"text": "b"}, finishReason="STOP"))
    ]
    assert ends == [None, None, "stop"]


def test_an_answer_that_is_filtered_half_way() -> None:
    assert deltas(piece({"text": "a"}), {"candidates": [{"finishReason": "SAFETY"}]})[1:] == [
        ({"refusal": "Gemini ended the answer: SAFETY"}, None),
        ({}, "content_filter"),
    ]


def test_a_blocked_prompt() -> None:
    assert deltas({"promptFeedback": {"blockReason": "SAFETY"}}) == [
        ({"role": "assistant", "refusal": "Gemini blocked the prompt: SAFETY"}, None),
        ({}, "content_filter"),
    ]


QUOTA = {"error": {"code": 429, "message": "Slow down", "status": "RESOURCE_EXHAUSTED"}}
NO_PART = error_event("Gemini sent an event that is not a part of an answer.")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", INCOMPLETE),
        (wire(piece({"text": "a"})), INCOMPLETE),
        (wire(piece({"text": "a"}, finishReason="STOP"), piece({"text": "b"}, index=1)), INCOMPLETE),
        (wire(piece(finishReason="STOP"))[:-2], INCOMPLETE),
        (wire(QUOTA), error_event("Slow down", code="RESOURCE_EXHAUSTED")),
        (wire([QUOTA]), error_event("Slow down", code="RESOURCE_EXHAUSTED")),
        (
            wire(QUOTA, piece({"text": "late"}, finishReason="STOP")),
            error_event("Slow down", code="RESOURCE_EXHAUSTED"),
        ),
        (wire({"error": {}}), error_event("Gemini broke off the answer.")),
        (wire({"error": "x"}), NO_PART),
        (wire({"candidates": ["x"]}), NO_PART),
        (b'data: {"usageMetadata": {"promptTokenCount": 1e999}}\n\n', NO_PART),
        (wire("x"), NO_PART),
        (wire(5), NO_PART),
        (b"data: {nonsense\n\n", NO_PART),
        (b"data: \xff\n\n", NO_PART),
        (b"data: " + b"[" * 99_999 + b"\n\n", NO_PART),
    ],
)
def test_an_incomplete_stream_ends_with_one_error(data: bytes, error: bytes) -> None:
    sent = translate(data)
    assert (sent.endswith(error), sent.count(b'"error"'), b"[DONE]" in sent) == (True, 1, False)


def test_a_cut_is_an_error_whatever_came_before() -> None:
    sent = translate(wire(piece({"text": "a"}, finishReason="STOP")), broken="connection lost")
    assert sent.endswith(error_event("connection lost"))


TEXTS = st.text(st.sampled_from("aé\n\u2028😀"), max_size=4)
PARTS = st.one_of(
    st.builds(lambda text: {"text": text}, TEXTS),
    st.builds(lambda text: {"text": text, "thought": True}, TEXTS),
    st.builds(lambda text: {"text": text, "thoughtSignature": "c2ln"}, TEXTS),
    st.builds(lambda text: {"functionCall": {"name": "f", "args": {"x": text}}}, TEXTS),
    st.builds(lambda text: {"functionCall": {"name": "g", "id": "c"}, "thoughtSignature": text + "c2ln"}, TEXTS),
    st.just({"inlineData": {"mimeType": "image/png", "data": "AA=="}}),
)
ENDS = st.sampled_from(["STOP", "MAX_TOKENS", "SAFETY", "OTHER"])
CANDIDATES = st.lists(st.tuples(st.lists(st.lists(PARTS, max_size=3), max_size=4), ENDS), min_size=1, max_size=2)


def streamed(candidates: list[tuple[list[list[Json]], str]]) -> list[Json]:
    """Events in which each candidate's parts come group by group."""
    groups = [piece(*group, index=i) for i, (parts, _) in enumerate(candidates) for group in parts]
    return groups + [piece(index=i, finishReason=end) for i, (_, end) in enumerate(candidates)]


def in_one_piece(candidates: list[tuple[list[list[Json]], str]]) -> Json:
    events = [
        piece(*chain.from_iterable(parts), index=i, finishReason=end) for i, (parts, end) in enumerate(candidates)
    ]
    return {"candidates": [event["candidates"][0] for event in events]}


@settings(deadline=None)
@given(CANDIDATES)
def test_the_assembled_stream_is_the_answer_in_one_piece(candidates: list[tuple[list[list[Json]], str]]) -> None:
    whole = DIALECTS["gemini"].response(in_one_piece(candidates), EXCHANGE)["choices"]
    values = chunks(*streamed(candidates))
    assert [assembled(values, choice["index"]) for choice in whole] == list(map(of_a_whole, whole))


@settings(deadline=None)
@given(CANDIDATES, st.data())
def test_any_split_gives_the_same_chunks(candidates: list[tuple[list[list[Json]], str]], draw: st.DataObject) -> None:
    data = wire(*streamed(candidates))
    cuts = draw.draw(st.lists(st.integers(0, len(data))))
    pieces = [data[start:end] for start, end in pairwise([0, *sorted(cuts), len(data)])]
    assert translate(*pieces) == translate(data)
