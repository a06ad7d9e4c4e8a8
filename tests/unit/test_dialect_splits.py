"""Streams of every dialect that translates, cut anywhere: the network's borders never show in the chunks."""

import json
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.dialects.sse import DONE
from managed_files.sandbox.eventstream import event
from tests import anthropic_events as claude
from tests.lengths import lengths

Json = dict[str, Any]
EXCHANGE = Exchange("chatcmpl-1", 1700000000, "public-name", include_usage=True)
WORDS = "Grüezi 👋\u2028"  # two, four and three bytes, the last of which some take for the end of a line


def sse(*events: Json, end: str) -> bytes:
    return b"".join(f"data: {json.dumps(one, ensure_ascii=False)}{end}".encode() for one in events)


def gemini() -> bytes:
    parts = [
        {"text": WORDS, "thought": True},
        {"text": WORDS},
        {"functionCall": {"name": "look", "args": {"at": WORDS}}, "thoughtSignature": "c2ln"},
    ]
    pieces = [{"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}]} for part in parts]
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
    end = {"candidates": [{"index": 0, "finishReason": "STOP"}], "usageMetadata": usage}
    return sse(*pieces, end, end="\r\n\r\n")


def mistral() -> bytes:
    call = {"id": "abcdefghi", "index": 0, "function": {"name": "look", "arguments": json.dumps({"at": WORDS})}}
    deltas: list[Json] = [
        {"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text", "text": WORDS}]}]},
        {"content": WORDS},
        {"tool_calls": [call]},
    ]
    pieces = [{"id": "1", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    end = {"index": 0, "delta": {"content": ""}, "finish_reason": "tool_calls"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return sse(*pieces, {"id": "1", "choices": [end], "usage": usage}, end="\n\n") + DONE


def anthropic() -> bytes:
    call = claude.call(2, "look", '{"at": "', WORDS.replace("\u2028", ""), '"}')
    events = [claude.begin(), *claude.thought(0, WORDS), *claude.text(1, WORDS, WORDS), *call, *claude.end("tool_use")]
    return claude.wire(*events)


def converse() -> bytes:
    deltas: list[Json] = [
        {"reasoningContent": {"text": WORDS}},
        {"reasoningContent": {"signature": "c2ln"}},
        {"text": WORDS},
        {"toolUse": {"input": json.dumps({"at": WORDS})}},
    ]
    start = {"contentBlockIndex": 3, "start": {"toolUse": {"toolUseId": "c1", "name": "look"}}}
    usage = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
    pieces = [event("contentBlockDelta", {"contentBlockIndex": at, "delta": one}) for at, one in enumerate(deltas)]
    begin = [event("messageStart", {"role": "assistant"}), *pieces[:3], event("contentBlockStart", start), pieces[3]]
    end = [event("messageStop", {"stopReason": "tool_use"}), event("metadata", {"usage": usage})]
    return b"".join([*begin, *end])


STREAMS = {"gemini": gemini, "mistral": mistral, "anthropic": anthropic, "converse": converse}


def translated(dialect: str, data: bytes, *cuts: int) -> bytes:
    """The stream as it comes out when it comes in cut at these places."""
    stream = DIALECTS[dialect].stream(EXCHANGE)
    pieces = [data[start:stop] for start, stop in pairwise([0, *cuts, len(data)])]
    return b"".join(map(stream.feed, pieces)) + stream.finish()


def borders(size: int, widest: int) -> Iterator[tuple[int, ...]]:
    """Every cut, and every two that are at most `widest` bytes apart."""
    for at in range(size):
        yield (at,)
        yield from ((at, at + width) for width in range(1, min(widest, size - at) + 1))


@pytest.mark.parametrize("dialect", STREAMS)
def test_the_stream_says_all_of_it(dialect: str) -> None:
    said = translated(dialect, STREAMS[dialect]())
    told = [word in said for word in (b'"reasoning_content"', b'"content"', b'"tool_calls"', b'"prompt_tokens"', DONE)]
    assert told == [True] * 5


@pytest.mark.parametrize("dialect", STREAMS)
def test_byte_by_byte(dialect: str) -> None:
    data = STREAMS[dialect]()
    assert translated(dialect, data, *range(1, len(data))) == translated(dialect, data)


@pytest.mark.parametrize("widest", lengths((0,), (64,)))
@pytest.mark.parametrize("dialect", STREAMS)
def test_cut_anywhere(dialect: str, widest: int) -> None:
    data = STREAMS[dialect]()
    whole = translated(dialect, data)
    assert [cuts for cuts in borders(len(data), widest) if translated(dialect, data, *cuts) != whole] == []
