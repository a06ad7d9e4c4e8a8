"""Messages: OpenAI's roles to Mistral's four, thoughts and tool calls included.

Wire facts: Mistral's API description (SystemMessage, UserMessage, AssistantMessage, ToolMessage, ThinkChunk).
"""

from typing import Any

from managed_files.dialects.echoes import drop_echoes
from managed_files.dialects.mistral_calls import call_id
from managed_files.dialects.mistral_parts import chunks, text
from managed_files.dialects.shape import present, refuse_rest, to_list, to_object, to_text
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

_IN_INSTRUCTIONS = ("text", "thinking")


def conversation(messages: Any) -> list[Json]:
    """Mistral's `messages`. Raises InvalidRequest naming the field."""
    items = to_list(messages, "messages")
    return [_message(present(item, f"messages[{i}]"), f"messages[{i}]") for i, item in enumerate(items)]


def _message(message: Json, where: str) -> Json:
    match message.pop("role", None):
        case "system" | "developer":
            made = {"role": "system", "content": _instructions(message, where)}
        case "user":
            made = {"role": "user", "content": chunks(message.pop("content", None), f"{where}.content")}
        case "assistant":
            made = {"role": "assistant", **_said(message, where), **_called(message, where), **_prefix(message)}
        case "tool":
            called = to_text(message.pop("tool_call_id", None), f"{where}.tool_call_id")
            made = {"role": "tool", "tool_call_id": call_id(called), **_result(message, where)}
        case "function":
            name = to_text(message.get("name"), f"{where}.name")
            made = {"role": "tool", "tool_call_id": call_id(name), **_result(message, where)}
        case role:
            raise InvalidRequest(f"There is no role {role!r}.", param=f"{where}.role")
    refuse_rest(message, where, provider="Mistral")
    return made


def _instructions(message: Json, where: str) -> str | list[Json]:
    content = chunks(message.pop("content", None), f"{where}.content")
    for j, chunk in enumerate(content if isinstance(content, list) else ()):
        if chunk["type"] not in _IN_INSTRUCTIONS:
            raise Inexpressible("Mistral takes only text in its instructions.", param=f"{where}.content[{j}].type")
    return content


def _said(message: Json, where: str) -> Json:
    """Text alone stays a string; thoughts go first, in a chunk of their own, as the answer had them."""
    drop_echoes(message, but=("extra_content", "reasoning_content"))
    message.pop("audio", None)  # what the assistant said aloud
    content = chunks(message.pop("content", []), f"{where}.content")
    extra = _extra(message, where)
    thoughts = _thoughts(message, extra, where)
    refusal = message.pop("refusal", None)
    if isinstance(content, str) and not thoughts and not refusal and "chunks" not in extra:
        return {"content": content}
    parts = content if isinstance(content, list) else [text(content)] if content else []
    parts = thoughts + parts + ([text(to_text(refusal, f"{where}.refusal"))] if refusal else [])
    parts += _carried(extra, f"{where}.extra_content.mistral.chunks")
    return {"content": parts} if parts else {}


def _extra(message: Json, where: str) -> Json:
    """What an answer gave to be sent back: `extra_content.mistral`. Other providers' extras mean nothing here."""
    extra = to_object(message.pop("extra_content", None) or {}, f"{where}.extra_content")
    return to_object(extra.get("mistral") or {}, f"{where}.extra_content.mistral")


def _carried(extra: Json, where: str) -> list[Json]:
    """Chunks as an answer had them. Mistral answers with no file of its user's: a chunk that names one would get around
    the check of who may use it."""
    chunks = [to_object(chunk, f"{where}[{j}]") for j, chunk in enumerate(to_list(extra.get("chunks", []), where))]
    for j, chunk in enumerate(chunks):
        if chunk.get("type") == "file":
            raise InvalidRequest("No answer of Mistral's names a stored file.", param=f"{where}[{j}]")
    return chunks


def _thoughts(message: Json, extra: Json, where: str) -> list[Json]:
    thought = to_text(message.pop("reasoning_content", ""), f"{where}.reasoning_content")
    if not thought:
        return []
    signature = {"signature": extra["signature"]} if extra.get("signature") else {}
    return [{"type": "thinking", "thinking": [text(thought)], "closed": True, **signature}]


def _called(message: Json, where: str) -> Json:
    calls = enumerate(to_list(message.pop("tool_calls", []), f"{where}.tool_calls"))
    made = [_call(present(call, f"{where}.tool_calls[{j}]"), f"{where}.tool_calls[{j}]") for j, call in calls]
    if deprecated := message.pop("function_call", None):
        function = _function(deprecated, f"{where}.function_call")
        made.append({"id": call_id(function["name"]), "type": "function", "function": function})
    return {"tool_calls": made} if made else {}


def _call(call: Json, where: str) -> Json:
    if call.get("type", "function") != "function":
        raise Inexpressible("Mistral knows calls of type 'function' only.", param=f"{where}.type")
    made = {"id": call_id(to_text(call.get("id"), f"{where}.id")), "type": "function"}
    return {**made, "function": _function(call.get("function"), f"{where}.function")}


def _function(value: Any, where: str) -> Json:
    function = to_object(value, where)
    return {name: to_text(function.get(name), f"{where}.{name}") for name in ("name", "arguments")}


def _prefix(message: Json) -> Json:
    """Mistral's own: the answer begins with this message."""
    return {"prefix": message.pop("prefix")} if "prefix" in message else {}


def _result(message: Json, where: str) -> Json:
    name = {"name": to_text(message.pop("name"), f"{where}.name")} if "name" in message else {}
    return {**name, "content": chunks(message.pop("content", ""), f"{where}.content")}
