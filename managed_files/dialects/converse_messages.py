"""Messages: OpenAI's roles to Converse's system and messages, calls, their results and thoughts included."""

import hashlib
import re
from typing import Any

from managed_files.dialects.converse_cache import cache_point
from managed_files.dialects.converse_parts import PartReader
from managed_files.dialects.converse_thinking import thoughts
from managed_files.dialects.echoes import drop_echoes
from managed_files.dialects.shape import present, refuse_rest, to_list, to_text
from managed_files.dialects.tools import called
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

_CALL_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}", re.ASCII)
_ATTACHED = {"text": "The documents are attached."}
_NOTHING = {"text": "(no output)"}


def conversation(messages: Any, model: str) -> "Conversation":
    """The whole dialogue. Raises InvalidRequest naming the message."""
    builder = Conversation(model)
    for i, message in enumerate(to_list(messages, "messages")):
        builder.add(present(message, f"messages[{i}]"), f"messages[{i}]")
    return builder


class Conversation:
    """Grows one message at a time. Consecutive messages of one role become one, as Converse wants them to alternate."""

    def __init__(self, model: str):
        self._parts = PartReader(model)
        self._system: list[Json] = []
        self._messages: list[Json] = []
        self._called: dict[str, None] = {}  # an ordered set
        self._function_ids: dict[str, str] = {}  # the deprecated form names no calls: function → its last id

    @property
    def called(self) -> list[str]:
        """The functions that were called so far, in order."""
        return list(self._called)

    def request(self) -> Json:
        """`messages` and, if there are any, `system`."""
        if not self._messages:
            raise InvalidRequest("Bedrock needs at least one message of a user or an assistant.", param="messages")
        for message in self._messages:
            blocks = message["content"]
            if any("document" in block for block in blocks) and not any("text" in block for block in blocks):
                blocks.append(_ATTACHED)  # a message with a document and no text is refused
        return {"messages": self._messages, **({"system": self._system} if self._system else {})}

    def add(self, message: Json, where: str) -> None:
        cache = cache_point(message, where)
        match message.pop("role", None):
            case "system" | "developer":
                self._add_system(message, where, cache)
            case "user":
                self._append("user", self._take(message, where) + cache)
            case "assistant":
                blocks = thoughts(message, where) + self._said(message, where) + self._calls(message, where)
                self._append("assistant", blocks + cache)
            case "tool":
                call_id = _call_id(to_text(message.pop("tool_call_id", None), f"{where}.tool_call_id"))
                message.pop("name", None)  # the call itself has it
                self._append("user", [self._result(call_id, message, where), *cache])
            case "function":
                name = to_text(message.pop("name", None), f"{where}.name")
                call_id = self._function_ids.get(name, _call_id(name))
                self._append("user", [self._result(call_id, message, where), *cache])
            case role:
                raise InvalidRequest(f"There is no role {role!r}.", param=f"{where}.role")
        refuse_rest(message, where, provider="Bedrock")

    def _take(self, message: Json, where: str) -> list[Json]:
        return self._parts.read(message.pop("content", None), f"{where}.content")

    def _add_system(self, message: Json, where: str, cache: list[Json]) -> None:
        blocks = self._take(message, where)
        if any("text" not in block and "cachePoint" not in block for block in blocks):
            raise Inexpressible("Bedrock takes only text in its instructions.", param=f"{where}.content")
        self._system += blocks + cache

    def _said(self, message: Json, where: str) -> list[Json]:
        drop_echoes(message)  # the thoughts have been taken
        blocks = self._take(message, where) if message.get("content") else []
        message.pop("content", None)
        refusal = to_text(message.pop("refusal", ""), f"{where}.refusal")
        return blocks + self._parts.read(refusal, where)

    def _calls(self, message: Json, where: str) -> list[Json]:
        calls = enumerate(to_list(message.pop("tool_calls", []), f"{where}.tool_calls"))
        blocks = [
            self._call(present(call, f"{where}.tool_calls[{j}]"), f"{where}.tool_calls[{j}]") for j, call in calls
        ]
        if deprecated := message.pop("function_call", None):
            name, arguments = called(deprecated, f"{where}.function_call")
            self._function_ids[name] = _call_id(f"{name}/{where}")
            blocks.append(self._use(self._function_ids[name], name, arguments))
        return blocks

    def _call(self, call: Json, where: str) -> Json:
        if call.get("type", "function") != "function":
            raise Inexpressible("Bedrock knows calls of type 'function' only.", param=f"{where}.type")
        call_id = to_text(call.get("id"), f"{where}.id")
        return self._use(_call_id(call_id), *called(call.get("function"), f"{where}.function"))

    def _use(self, call_id: str, name: str, arguments: Json) -> Json:
        self._called[name] = None
        return {"toolUse": {"toolUseId": call_id, "name": name, "input": arguments}}

    def _result(self, call_id: str, message: Json, where: str) -> Json:
        content = self._take(message, where) or [_NOTHING]
        if any("cachePoint" in block or "audio" in block for block in content):
            raise Inexpressible("Bedrock takes neither audio nor cache marks in a result.", param=f"{where}.content")
        return {"toolResult": {"toolUseId": call_id, "content": content}}

    def _append(self, role: str, blocks: list[Json]) -> None:
        last = self._messages[-1] if self._messages else None
        if last and last["role"] == role:
            last["content"] += blocks
        elif blocks:
            self._messages.append({"role": role, "content": list(blocks)})


def _call_id(given: str) -> str:
    """The id as Bedrock takes it; one that another provider made may be longer, or hold other letters."""
    return (
        given
        if _CALL_ID.fullmatch(given)
        else "call_" + hashlib.sha256(given.encode("utf-8", "replace")).hexdigest()[:32]
    )
