"""Messages: OpenAI's roles to Anthropic's `system` and `messages`, tool calls and their results included."""

import re
from collections.abc import Mapping
from typing import Any

from managed_files.dialects.anthropic_native import native_content
from managed_files.dialects.anthropic_parts import content_blocks
from managed_files.dialects.anthropic_thinking import thinking_blocks
from managed_files.dialects.echoes import drop_echoes
from managed_files.dialects.shape import present, refuse_rest, to_list, to_text
from managed_files.dialects.tools import called
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

_NOT_IN_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")


def conversation(messages: Any) -> Json:
    """`messages` and, if there are system or developer messages, `system`. Raises InvalidRequest."""
    builder = _Conversation()
    for i, message in enumerate(to_list(messages, "messages")):
        builder.add(present(message, f"messages[{i}]"), f"messages[{i}]")
    return builder.result()


class _Conversation:
    """Grows one message at a time. Consecutive messages of one role become one; a system message stands before all."""

    def __init__(self) -> None:
        self._system: list[Json] = []
        self._messages: list[Json] = []
        self._calls: set[str] = set()
        self._functions: dict[str, str] = {}  # name → id of its latest call in the deprecated form, which has none

    def add(self, message: Json, where: str) -> None:
        mark = {"cache_control": message.pop("cache_control")} if "cache_control" in message else {}
        match message.pop("role", None):
            case "system" | "developer":
                self._system += _marked(_only_text(message, where), mark)
            case "user":
                self._append("user", _marked(_blocks(message, where), mark), where)
            case "assistant":
                self._append("assistant", _marked(self._said(message, where), mark), where)
            case "tool":
                self._append_result({**self._result(message, where), **mark}, where)
            case "function":
                self._append_result({**self._function_result(message, where), **mark}, where)
            case role:
                raise InvalidRequest(f"There is no role {role!r}.", param=f"{where}.role")
        refuse_rest(message, where, provider="Anthropic")

    def result(self) -> Json:
        if not self._messages:
            raise InvalidRequest(
                "Anthropic needs at least one message of a user that says something.", param="messages"
            )
        return {"messages": self._messages, **({"system": self._system} if self._system else {})}

    def _said(self, message: Json, where: str) -> list[Json]:
        """Thoughts first, then what was said, then the calls: Claude's own order. An answer that had another is kept
        whole, see anthropic_native."""
        drop_echoes(message, but=("extra_content", "thinking_blocks"))
        message.pop("audio", None)  # what the assistant said aloud
        native = native_content(message, where)
        blocks = thinking_blocks(message, where) + _blocks(message, where)
        blocks += content_blocks(to_text(message.pop("refusal", ""), f"{where}.refusal"), where)
        blocks += self._called(message, where)
        self._calls |= {str(block.get("id")) for block in native if block["type"] == "tool_use"}
        return native or blocks

    def _called(self, message: Json, where: str) -> list[Json]:
        calls = enumerate(to_list(message.pop("tool_calls", []), f"{where}.tool_calls"))
        blocks = [self._call(call, f"{where}.tool_calls[{j}]") for j, call in calls]
        if deprecated := message.pop("function_call", None):
            name, arguments = called(deprecated, f"{where}.function_call")
            call_id = self._functions[name] = f"call_{len(self._calls)}"
            self._calls.add(call_id)
            blocks.append(_use(call_id, name, arguments))
        return blocks

    def _call(self, value: Any, where: str) -> Json:
        call = present(value, where)
        if call.get("type", "function") != "function":
            raise Inexpressible("Anthropic knows calls of type 'function' only.", param=f"{where}.type")
        call_id = _NOT_IN_AN_ID.sub("_", to_text(call.get("id"), f"{where}.id"))
        self._calls.add(call_id)
        return _with_mark(call, _use(call_id, *called(call.get("function"), f"{where}.function")))

    def _result(self, message: Json, where: str) -> Json:
        """`is_error` is Anthropic's own word, for clients that want to say it."""
        given = to_text(message.pop("tool_call_id", None), f"{where}.tool_call_id")
        message.pop("name", None)  # the call itself has it
        call_id = _NOT_IN_AN_ID.sub("_", given)
        if call_id not in self._calls:
            text = f"No earlier assistant message has a tool call {given!r}."
            raise InvalidRequest(text, param=f"{where}.tool_call_id")
        failed = {"is_error": message.pop("is_error")} if "is_error" in message else {}
        return {"type": "tool_result", "tool_use_id": call_id, **_output(message, where), **failed}

    def _function_result(self, message: Json, where: str) -> Json:
        name = to_text(message.pop("name", None), f"{where}.name")
        if name not in self._functions:
            raise InvalidRequest(f"No earlier assistant message called {name!r}.", param=f"{where}.name")
        return {"type": "tool_result", "tool_use_id": self._functions[name], **_output(message, where)}

    def _append_result(self, result: Json, where: str) -> None:
        """Claude wants all results of a turn in one message, before anything else in it."""
        self._append("user", [result], where)
        self._messages[-1]["content"].sort(key=lambda block: block["type"] != "tool_result")

    def _append(self, role: str, blocks: list[Json], where: str) -> None:
        if not blocks:
            return
        if not self._messages and role == "assistant":
            raise Inexpressible("Anthropic wants the first message to be a user's.", param=f"{where}.role")
        if self._messages and self._messages[-1]["role"] == role:
            self._messages[-1]["content"] += blocks
        else:
            self._messages.append({"role": role, "content": blocks})


def _use(call_id: str, name: str, arguments: Json) -> Json:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def _blocks(message: Json, where: str) -> list[Json]:
    content = message.pop("content", None)
    return [] if content is None else content_blocks(content, f"{where}.content")


def _only_text(message: Json, where: str) -> list[Json]:
    blocks = _blocks(message, where)
    for j, block in enumerate(blocks):
        if block["type"] != "text":
            raise Inexpressible("Anthropic's system prompt is text only.", param=f"{where}.content[{j}].type")
    return blocks


def _output(message: Json, where: str) -> Json:
    blocks = _blocks(message, where)
    return {"content": blocks} if blocks else {}


def _marked(blocks: list[Json], mark: Json) -> list[Json]:
    """A message's own cache marker means: up to here, which Anthropic says at its last block."""
    if mark and blocks:
        blocks[-1] = {**mark, **blocks[-1]}
    return blocks


def _with_mark(carrier: Mapping[str, Any], block: Json) -> Json:
    return {**block, "cache_control": carrier["cache_control"]} if "cache_control" in carrier else block
