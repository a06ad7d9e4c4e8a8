"""Messages: OpenAI's roles to Gemini's systemInstruction and contents, tool calls and their results included."""

from itertools import count
from typing import Any

from managed_files.dialects.echoes import drop_echoes
from managed_files.dialects.gemini_parts import content_parts
from managed_files.dialects.gemini_thinking import is_gemini_3, sign_first_calls, signature_of
from managed_files.dialects.shape import present, refuse_rest, to_list, to_text
from managed_files.dialects.tools import called
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]


def conversation(messages: Any, model: str) -> Json:
    """`contents` and, if there are system or developer messages, `systemInstruction`. Raises InvalidRequest."""
    builder = _Conversation(is_gemini_3(model))
    for i, message in enumerate(to_list(messages, "messages")):
        builder.add(present(message, f"messages[{i}]"), f"messages[{i}]")
    return builder.result()


class _Conversation:
    """Grows one message at a time. Consecutive turns of one role become one content, tool results one of their own."""

    def __init__(self, gemini_3: bool):
        self._gemini_3 = gemini_3
        self._system: list[Json] = []
        self._contents: list[Json] = []
        self._calls: dict[str, tuple[int, str]] = {}  # id of a call → its place, its function's name
        self._places = count()  # an id may come again in a later turn

    def add(self, message: Json, where: str) -> None:
        match message.pop("role", None):
            case "system" | "developer":
                self._add_system(message, where)
            case "user":
                self._append("user", self._take_parts(message, where))
            case "assistant":
                self._append("model", self._said(message, where) + self._called(message, where))
            case "tool":
                self._add_result(message, where)
            case "function":
                name = to_text(message.pop("name", None), f"{where}.name")
                self._append_result({"name": name, **self._take_output(message, where)})
            case role:
                raise InvalidRequest(f"There is no role {role!r}.", param=f"{where}.role")
        refuse_rest(message, where)

    def result(self) -> Json:
        if not self._contents:
            raise InvalidRequest("Gemini needs at least one message of a user or an assistant.", param="messages")
        if self._gemini_3:
            sign_first_calls(self._contents)
        system = {"systemInstruction": {"parts": self._system}} if self._system else {}
        return {"contents": self._contents, **system}

    def _take_parts(self, message: Json, where: str) -> list[Json]:
        return content_parts(message.pop("content", None), f"{where}.content", gemini_3=self._gemini_3)

    def _add_system(self, message: Json, where: str) -> None:
        _check_text_only(message, where, "Gemini takes only text in its instructions.")
        self._system += self._take_parts(message, where)

    def _said(self, message: Json, where: str) -> list[Json]:
        """What the assistant wrote; its thought signature sits on the last text, an empty one if need be."""
        drop_echoes(message, but=("extra_content",))
        texts = self._take_parts(message, where) if "content" in message else []
        if refusal := message.pop("refusal", None):
            texts.append({"text": to_text(refusal, f"{where}.refusal")})
        if signature := signature_of(message, where):
            last = next((part for part in reversed(texts) if "text" in part), None)
            if last is None:
                texts.append(last := {"text": ""})
            last["thoughtSignature"] = signature
        return texts

    def _called(self, message: Json, where: str) -> list[Json]:
        calls = enumerate(to_list(message.pop("tool_calls", []), f"{where}.tool_calls"))
        parts = [self._call(present(call, f"{where}.tool_calls[{j}]"), f"{where}.tool_calls[{j}]") for j, call in calls]
        if deprecated := message.pop("function_call", None):
            parts.append({"functionCall": _function(deprecated, f"{where}.function_call")})
        return parts

    def _call(self, call: Json, where: str) -> Json:
        if call.get("type", "function") != "function":
            raise InvalidRequest("Gemini knows calls of type 'function' only.", param=f"{where}.type")
        call_id = to_text(call.get("id"), f"{where}.id")
        function = _function(call.get("function"), f"{where}.function")
        self._calls[call_id] = next(self._places), function["name"]
        part: Json = {"functionCall": {"id": call_id, **function}}
        if signature := signature_of(call, where):
            part["thoughtSignature"] = signature
        return part

    def _add_result(self, message: Json, where: str) -> None:
        call_id = to_text(message.pop("tool_call_id", None), f"{where}.tool_call_id")
        message.pop("name", None)  # the call itself has it
        if call_id not in self._calls:
            raise InvalidRequest(
                f"No earlier assistant message has a tool call {call_id!r}.", param=f"{where}.tool_call_id"
            )
        name = self._calls[call_id][1]
        self._append_result({"id": call_id, "name": name, **self._take_output(message, where)})

    def _take_output(self, message: Json, where: str) -> Json:
        """Text becomes the object that Gemini asks for; media stand beside it, from Gemini 3 on."""
        if not self._gemini_3:
            _check_text_only(message, where, "This model takes only text as a result; say it in a message of the user.")
        parts = self._take_parts(message, where)
        text = "\n".join(part["text"] for part in parts if "text" in part)
        media = [part for part in parts if "text" not in part]
        return {"response": {"output": text}, **({"parts": media} if media else {})}

    def _append_result(self, response: Json) -> None:
        self._append("user", [{"functionResponse": response}], results=True)
        self._contents[-1]["parts"].sort(key=self._place)

    def _place(self, part: Json) -> int:
        return self._calls.get(part["functionResponse"].get("id"), (0, ""))[0]

    def _append(self, role: str, parts: list[Json], *, results: bool = False) -> None:
        """Gemini wants all results of a turn in one content, and nothing else in it."""
        if not parts:
            return
        last = self._contents[-1] if self._contents else None
        if last and last["role"] == role and results == ("functionResponse" in last["parts"][0]):
            last["parts"] += parts
        else:
            self._contents.append({"role": role, "parts": parts})


def _check_text_only(message: Json, where: str, otherwise: str) -> None:
    content = message.get("content")
    for j, part in enumerate(content if isinstance(content, list) else ()):
        if isinstance(part, dict) and part.get("type") not in ("text", "refusal"):
            raise Inexpressible(otherwise, param=f"{where}.content[{j}].type")


def _function(value: Any, where: str) -> Json:
    name, arguments = called(value, where)
    return {"name": name, "args": arguments}
