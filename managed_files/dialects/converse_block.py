"""One content block of ConverseStream on its way to OpenAI's deltas. Pure."""

import base64
from typing import Any

from managed_files.dialects.base import Exchange
from managed_files.dialects.converse_answer import pictures
from managed_files.dialects.converse_thinking import redacted_block, thinking_block

Json = dict[str, Any]


class StreamedBlock:
    """One content block on its way: what its deltas are called, and what can only be told when it is complete."""

    def __init__(self) -> None:
        self.hidden = False
        self.image_format = "png"
        self._call_place: int | None = None
        self._functions = False
        self._arguments = False  # any came
        self._thought = ""
        self._signature = ""
        self._redacted = b""

    def call(self, use: Json, place: int, exchange: Exchange) -> list[Json]:
        self._call_place, self._functions = place, exchange.functions
        function = {"name": use["name"], "arguments": ""}
        if self._functions:
            self.hidden = place > 0  # the deprecated form holds one call
            return [] if self.hidden else [{"function_call": function}]
        return [{"tool_calls": [{"index": place, "id": use["toolUseId"], "type": "function", "function": function}]}]

    def take(self, delta: Json) -> list[Json]:
        if self.hidden:
            return []
        if "text" in delta:
            return [{"content": delta["text"]}]
        if "toolUse" in delta:
            return self._more_arguments(delta["toolUse"]["input"])
        if "reasoningContent" in delta:
            return self._think(delta["reasoningContent"])
        return [{"images": images}] if (images := pictures(self.image_format, delta.get("image") or {})) else []

    def end(self) -> list[Json]:
        if self._redacted:
            return [{"thinking_blocks": [redacted_block(base64.b64encode(self._redacted).decode())]}]
        if self._signature:
            return [{"thinking_blocks": [thinking_block(self._thought, self._signature)]}]
        if self._call_place is not None and not self._arguments and not self.hidden:
            return self._more_arguments("{}")  # a function without parameters may come without any
        return []

    def _more_arguments(self, text: str) -> list[Json]:
        self._arguments = self._arguments or bool(text)
        if not text:
            return []
        function = {"arguments": text}
        return [{"function_call": function} if self._functions else _call_delta(self._call_place, function)]

    def _think(self, content: Json) -> list[Json]:
        self._signature += content.get("signature") or ""
        self._redacted += base64.b64decode(content.get("redactedContent") or "")
        text = content.get("text") or ""
        self._thought += text
        return [{"reasoning_content": text}] if text else []


def _call_delta(place: int | None, function: Json) -> Json:
    return {"tool_calls": [{"index": place, "function": function}]}
