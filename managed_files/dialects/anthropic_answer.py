"""Claude's answer to a message of OpenAI's, block by block and piece by piece, and why it ended.

Wire facts: Message and the events of its stream in the `anthropic` package, 2.12.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from managed_files.dialects.anthropic_native import extra_content
from managed_files.dialects.base import Exchange

Json = dict[str, Any]

_REASONS = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "content_filter"}


@dataclass(slots=True)
class _Open:
    """A block that is not complete. `call`: its number among the calls; `begins`: its place in the whole text.

    `pieces`: of its text, thought or arguments. They are joined once, for a long answer comes in thousands.
    """

    block: Json
    call: int = 0
    begins: int = 0
    pieces: list[str] = field(default_factory=list)


class AnswerReader:
    """Turns the events of a stream into deltas of OpenAI's. A whole answer is read as a stream of whole blocks.

    What OpenAI's deltas have no rule for comes once, at the end: clients put two of them together each in its own way.
    """

    def __init__(self, exchange: Exchange):
        self._exchange = exchange
        self._open: dict[int, _Open] = {}
        self._done: list[Json] = []
        self._calls = 0
        self._written = 0  # letters of text so far
        self._end: Json = {}
        self._notes: dict[str, list[Json]] = {}

    def start(self, index: int, block: Json) -> Json:
        """The delta that a new block opens with, in the shape of a chunk's `delta`; {} for nothing."""
        begun = self._open[index] = _Open({**block}, self._calls, self._written)
        match block["type"]:
            case "text":
                return self._text(block["text"])
            case "thinking":
                return _if_any("reasoning_content", block["thinking"])
            case "tool_use":
                self._calls += 1
                return self._call_begins(begun)
            case _:
                return {}

    def grow(self, index: int, piece: Json) -> Json:
        """The delta of a content_block_delta. A kind that is new to us says nothing that OpenAI could."""
        grown = self._open[index]
        block = grown.block
        match piece["type"]:
            case "text_delta":
                grown.pieces.append(piece["text"])
                return self._text(piece["text"])
            case "thinking_delta":
                grown.pieces.append(piece["thinking"])
                return _if_any("reasoning_content", piece["thinking"])
            case "signature_delta":
                block["signature"] = piece["signature"]
            case "citations_delta":
                block["citations"] = [*(block.get("citations") or ()), piece["citation"]]
            case "input_json_delta":
                grown.pieces.append(piece["partial_json"])
                return self._call_goes_on(grown, piece["partial_json"])
        return {}

    def stop(self, index: int) -> Json:
        """The delta that a block closes with: what only the whole block tells."""
        ended = self._open.pop(index)
        block, grown = ended.block, "".join(ended.pieces)
        self._done.append(block)
        match block["type"]:
            case "text":
                block["text"] += grown
                self._note_citations(block, ended.begins)
            case "thinking":
                block["thinking"] += grown
                self._note("thinking_blocks", [block] if block.get("signature") else [])
            case "redacted_thinking":
                self._note("thinking_blocks", [block])
            case "tool_use" | "server_tool_use" if grown:
                block["input"] = _parsed(grown)
            case "tool_use":
                return self._call_goes_on(ended, json.dumps(block.get("input") or {}, ensure_ascii=False))
        return {}

    def end(self, told: Json) -> None:
        """The reason of the end: `stop_reason` and, for refusals, `stop_details`."""
        self._end |= {name: told[name] for name in ("stop_reason", "stop_details") if told.get(name)}

    def last(self) -> Json:
        """The delta after all blocks: why Claude refused, what it cited, and what the next turn needs beside OpenAI's
        fields."""
        reason = self._end.get("stop_reason")
        why = (self._end.get("stop_details") or {}).get("explanation") or "Claude declined to answer."
        refusal = {"refusal": why} if reason == "refusal" else {}
        return {**refusal, **self._notes, **extra_content(self._done, reason)}

    def finish_reason(self) -> str:
        """OpenAI's word. pause_turn is `stop`: the turn is the client's, which may send the message back as it is."""
        reason = self._end.get("stop_reason")
        if reason == "tool_use":
            return "function_call" if self._exchange.functions else "tool_calls"
        return _REASONS.get(str(reason), "stop")

    def _text(self, text: str) -> Json:
        self._written += len(text)
        return _if_any("content", text)

    def _call_begins(self, begun: _Open) -> Json:
        function = {"name": begun.block["name"], "arguments": ""}
        if not self._exchange.functions:
            call = {"index": begun.call, "id": begun.block["id"], "type": "function", "function": function}
            return {"tool_calls": [call]}
        return {"function_call": function} if begun.call == 0 else {}  # the deprecated form holds one call

    def _call_goes_on(self, grown: _Open, arguments: str) -> Json:
        if grown.block["type"] != "tool_use" or not arguments:
            return {}
        if not self._exchange.functions:
            return {"tool_calls": [{"index": grown.call, "function": {"arguments": arguments}}]}
        return {"function_call": {"arguments": arguments}} if grown.call == 0 else {}

    def _note_citations(self, block: Json, begins: int) -> None:
        """`citations` are Anthropic's own; those of web pages are OpenAI's `annotations` as well."""
        cited = block.get("citations") or []
        place = {"start_index": begins, "end_index": begins + len(block["text"])}
        notes = [
            {"type": "url_citation", "url_citation": {**place, "url": it["url"], "title": it.get("title") or it["url"]}}
            for it in cited
            if it.get("url")
        ]
        self._note("citations", cited)
        self._note("annotations", notes)

    def _note(self, name: str, found: list[Json]) -> None:
        if found:
            self._notes.setdefault(name, []).extend(found)


def _if_any(name: str, text: str) -> Json:
    return {name: text} if text else {}


def _parsed(arguments: str) -> Any:
    """A call that a limit cut off has broken JSON; it can only go back as an empty one."""
    try:
        return json.loads(arguments)
    except ValueError:
        return {}
