"""Any stream of Claude's: its chunks put together again, their shape, and any split of the bytes."""

import json
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.dialects.registry import DIALECTS
from managed_files.dialects.sse import SseDecoder
from tests.anthropic_events import EXCHANGE, Json, begin, block, call, end, text, thought, translate, wire
from tests.openai_schema import assert_valid
from tests.openai_stream import assembled, of_a_whole

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


@settings(deadline=None)
@given(st.lists(BLOCKS, max_size=5), ENDS)
def test_the_assembled_stream_is_the_answer_in_one_piece(blocks: list[Any], stop: str) -> None:
    content = [whole_block(index, made) for index, made in enumerate(blocks)]
    (whole,) = DIALECTS["anthropic"].response({"content": content, "stop_reason": stop}, EXCHANGE)["choices"]
    *bodies, _ = SseDecoder().feed(translate(wire(*streamed(blocks, stop))))
    assert assembled([json.loads(body) for body in bodies]) == of_a_whole(whole)


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
