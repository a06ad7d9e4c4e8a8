"""OpenAI's dialect changes the model's name and nothing else."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.dialects.sse import error_event

OPENAI = DIALECTS["openai"]
EXCHANGE = Exchange("chatcmpl-1", 1, "gpt")
STREAM = b': ping\n\ndata: {"a":"[DONE]"}\r\n\r\ndata: {"b":\r\ndata: 2}\n\ndata: [DONE]\n\n'
CUT = error_event("The provider's stream ended in the middle of an event.")
UNFINISHED = error_event("The provider's stream ended before the answer was complete.")
GOING_ON = b'data: {"delta":{"content":"\\"finish_reason\\":\\"stop\\""},"finish_reason":null}\n\n'
LAST = b'data: {"delta":{},"finish_reason": "stop"}\n\n'


def relay(*pieces: bytes, broken: str | None = None) -> bytes:
    stream = OPENAI.stream(EXCHANGE)
    return b"".join(map(stream.feed, pieces)) + stream.finish(broken)


def test_request_replaces_the_model_in_a_copy() -> None:
    body: dict[str, Any] = {"model": "public", "messages": [], "x_unknown": {"kept": None}}
    assert (OPENAI.request(body, "gpt-4o-mini"), body["model"]) == ({**body, "model": "gpt-4o-mini"}, "public")


def test_openai_itself_is_told_nothing_that_other_answers_left() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    kept = {"role": "assistant", "content": "a", "annotations": [], "refusal": None, "tool_calls": [call], "odd": 1}
    left = dict.fromkeys(("citations", "extra_content", "images", "reasoning_content", "thinking_blocks"), "x")
    body = {"messages": [{**kept, **left, "tool_calls": [{**call, "extra_content": {}}]}, "odd"], "x": 1}
    before = repr(body)
    asked = DIALECTS["openai_itself"].request(body, "gpt-4o")
    assert (asked, repr(body)) == ({"messages": [kept, "odd"], "x": 1, "model": "gpt-4o"}, before)


def test_response_is_relayed() -> None:
    assert OPENAI.response({"id": "x", "more": 1}, EXCHANGE) == {"id": "x", "more": 1}


@settings(deadline=None)
@given(st.lists(st.integers(0, len(STREAM))))
def test_bytes_are_unchanged_in_any_split(cuts: list[int]) -> None:
    borders = [0, *sorted(cuts), len(STREAM)]
    assert relay(*(STREAM[start:end] for start, end in pairwise(borders))) == STREAM


@settings(deadline=None)
@given(st.integers(0, len(STREAM) - 1), st.integers(0, len(STREAM)))
def test_a_cut_stream_ends_with_one_error_after_whole_events(end: int, middle: int) -> None:
    sent = relay(STREAM[: min(middle, end)], STREAM[min(middle, end) : end], broken="cut")
    whole = sent.removesuffix(error_event("cut"))
    assert (STREAM.startswith(whole), whole[-2:] in (b"", b"\n\n", b"\r\n"), sent != whole) == (True, True, True)


@pytest.mark.parametrize(
    ("data", "broken", "sent"),
    [
        (LAST, None, LAST),
        (LAST + b"data: 2\n\n\n", None, LAST + b"data: 2\n\n\n"),
        (GOING_ON, None, GOING_ON + UNFINISHED),
        (GOING_ON + error_event("theirs"), None, GOING_ON + error_event("theirs")),
        (b": ping\n\n", None, b": ping\n\n" + UNFINISHED),
        (b"data: 1\n\n", "gone", b"data: 1\n\n" + error_event("gone")),
        (b"data: 1\n\ndata: {", None, b"data: 1\n\n" + CUT),
        (b"data: [DONE]\n\n", "gone", b"data: [DONE]\n\n"),
        (b"data: 1\n\ndata: [DONE]", None, b"data: 1\n\ndata: [DONE]\n\n"),
        (b"data:[DONE]\r\n\r\n: bye\n", "gone", b"data:[DONE]\r\n\r\n"),
        (b'data: "data: [DONE]"\n\n', "gone", b'data: "data: [DONE]"\n\n' + error_event("gone")),
        (b"", None, UNFINISHED),
        (b"", "gone", error_event("gone")),
    ],
)
def test_end_of_the_stream(data: bytes, broken: str | None, sent: bytes) -> None:
    assert relay(data, broken=broken) == sent


def test_complete_events_leave_at_once() -> None:
    stream = OPENAI.stream(EXCHANGE)
    assert [stream.feed(piece) for piece in (b"data: 1\n", b"\ndata", b": 2\n\n")] == [
        b"",
        b"data: 1\n\n",
        b"data: 2\n\n",
    ]


def test_an_endless_event_is_held_to_one_mebibyte() -> None:
    stream, piece = OPENAI.stream(EXCHANGE), b"x" * 65536
    held = [stream.feed(piece) for _ in range(17)]
    assert (held, stream.feed(b"x\n\n")) == ([b""] * 16 + [(piece * 17)[:-4]], b"xxxxx\n\n")


def test_an_error_never_lands_inside_an_endless_event() -> None:
    start = b"data: " + b"x" * 1048576
    assert relay(start, b"y", broken="gone") == start[:-4] + b"\n\n" + error_event("gone")


def test_the_end_of_an_endless_event_may_be_split() -> None:
    whole = b"data: " + b"x" * 1048576 + b"\n\n" + LAST
    middle = len(whole) - len(LAST) - 1
    assert relay(whole[:middle], whole[middle:]) == whole
