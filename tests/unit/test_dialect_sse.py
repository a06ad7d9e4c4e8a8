"""Server-sent events in any split of their bytes."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.dialects.sse import SseDecoder, error_event, event

STREAM = (
    b'\xef\xbb\xbf: hello\ndata: {"a":1}\n\nevent: x\r\nid: 7\r\ndata:one\r\ndata: two\r\n\r\ndata: 3\r\r\n\ndata: cut'
)
EVENTS = [b'{"a":1}', b"one\ntwo", b"3"]


def decode(data: bytes, cuts: list[int]) -> list[bytes]:
    decoder = SseDecoder()
    borders = [0, *sorted(cuts), len(data)]
    return [e for start, end in pairwise(borders) for e in decoder.feed(data[start:end])]


@settings(deadline=None)
@given(st.lists(st.integers(0, len(STREAM))))
def test_any_split_gives_the_same_events(cuts: list[int]) -> None:
    assert decode(STREAM, cuts) == EVENTS


def test_byte_by_byte() -> None:
    assert decode(STREAM, list(range(len(STREAM)))) == EVENTS


@settings(deadline=None)
@given(
    st.lists(st.lists(st.text("ab:\u00e9 ", max_size=5), min_size=1, max_size=3)), st.sampled_from(["\n", "\r\n", "\r"])
)
def test_every_line_end_means_the_same(events: list[list[str]], line_end: str) -> None:
    text = "".join("".join(f"data: {line}{line_end}" for line in lines) + line_end for lines in events)
    assert decode(text.encode(), []) == ["\n".join(lines).encode() for lines in events]


@pytest.mark.parametrize("data", [b": only a comment\n\n", b"\n\n\n", b"event: ping\n\n", b"data", b"data: 1\n"])
def test_nothing_without_a_complete_event(data: bytes) -> None:
    assert decode(data, []) == []


def test_lone_surrogates_are_escaped() -> None:
    assert event({"a": "\ud800"}) == b'data: {"a":"\\ud800"}\n\n'


def test_error_event_is_openais_envelope() -> None:
    assert error_event("gone") == (
        b'data: {"error":{"message":"gone","type":"provider_error","param":null,"code":"stream_interrupted"}}\n\n'
    )
