"""Mistral's tool calls: the ids that it takes, and the calls of an answer, whole or in pieces.

Wire facts: Mistral's API description (ToolCall), and its 400 for ids: "must be a-z, A-Z, 0-9, with a length of 9".
"""

import hashlib
import json
import re
from typing import Any

from managed_files.dialects.base import Exchange

Json = dict[str, Any]

_VALID = re.compile(r"[a-zA-Z0-9]{9}")
_NO_ID = (None, "", "null")  # Mistral's own ways to write that a piece of a call has none


def call_id(text: str) -> str:
    """Mistral's own id as it is; for another provider's one that is always the same."""
    return text if _VALID.fullmatch(text) else hashlib.sha256(text.encode(errors="replace")).hexdigest()[:9]


class CallReader:
    """Reads the tool calls of one choice, and remembers which were begun."""

    def __init__(self, choice: int, exchange: Exchange):
        self._choice = choice
        self._exchange = exchange
        self._places: dict[str, int] = {}  # id of a call → its place
        self._last: dict[Any, int] = {}  # Mistral's index → the place of the call that was last begun there

    def read(self, call: Json, delta: Json) -> None:
        """Adds the call, or a later piece of it, to a chunk's `delta`."""
        place, begun = self._place(call)
        name, arguments = call["function"].get("name"), _arguments(call["function"].get("arguments"))
        if self._exchange.functions:
            _add_function(delta, place, {"arguments": arguments} if begun else {"name": name, "arguments": arguments})
        elif begun:
            delta.setdefault("tool_calls", []).append({"index": place, "function": {"arguments": arguments}})
        else:
            head = {"index": place, "id": self._id(call, place), "type": "function"}
            function = {"name": name, "arguments": arguments}
            delta.setdefault("tool_calls", []).append({**head, "function": function})

    def _place(self, call: Json) -> tuple[int, bool]:
        """Where the call stands, and whether an earlier piece began it: by its id, or else by Mistral's index."""
        told, index = call.get("id"), call.get("index", 0)
        known = self._last.get(index) if told in _NO_ID else self._places.get(str(told))
        if known is not None:
            return known, True
        place = len(self._places)
        self._places[self._id(call, place)] = self._last[index] = place
        return place, False

    def _id(self, call: Json, place: int) -> str:
        """For a call without an id: the same in a stream and in one piece, unlike that of any other answer."""
        told = call.get("id")
        return call_id(f"{self._exchange.id}/{self._choice}/{place}") if told in _NO_ID else str(told)


def _add_function(delta: Json, place: int, function: Json) -> None:
    """The deprecated form holds one call; the model repeats the others when it has the result."""
    if place == 0:
        held = delta.get("function_call", {"arguments": ""})
        delta["function_call"] = {**held, **function, "arguments": held["arguments"] + function["arguments"]}


def _arguments(arguments: Any) -> str:
    """JSON as text; the API description allows an object too."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
