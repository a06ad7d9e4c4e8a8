"""How OpenAI's chat endpoint reads messages, and what the model sees of them. Wire facts: OpenAI's API description."""

from dataclasses import dataclass
from typing import Any

from managed_files.sandbox.answers import Attachment, Json, Prompt
from managed_files.sandbox.openai_attachments import FileLookup, data_url, decoded, image_at, stored
from managed_files.sandbox.openai_errors import bad

_ROLES = ("developer", "system", "user", "assistant", "tool", "function")


@dataclass
class Reading:
    """Reads the messages of one request into what the model sees."""

    find: FileLookup

    def prompt(self, messages: Any) -> Prompt:
        """Raises a 400 that names the place, or returns the prompt."""
        seen: list[Attachment | str] = []
        text = ""
        for number, message in enumerate(messages):
            texts = self._message(message, f"messages[{number}]", seen)
            if message["role"] == "user":
                text = "\n".join(texts)
        _check_tool_turns(messages)
        return Prompt(text, seen, _results(messages))

    def _message(self, message: Any, where: str, seen: list[Attachment | str]) -> list[str]:
        if not isinstance(message, dict):
            raise bad(f"Invalid type for '{where}': expected an object.", param=where, code="invalid_type")
        role, content = message.get("role"), message.get("content")
        if role not in _ROLES:
            raise bad(f"Invalid value: '{role}'. Supported values are: {_ROLES}.", param=f"{where}.role")
        _check_calls(message.get("tool_calls"), f"{where}.tool_calls")
        if isinstance(content, str):
            return [content]
        if content is None and role == "assistant" and (message.get("tool_calls") or message.get("refusal")):
            return []
        if not isinstance(content, list) or not content:
            raise bad(f"Invalid value for '{where}.content': expected a string or parts.", param=f"{where}.content")
        texts = [self._part(part, role, f"{where}.content[{index}]", seen) for index, part in enumerate(content)]
        return [text for text in texts if text is not None]

    def _part(self, part: Any, role: str, where: str, seen: list[Attachment | str]) -> str | None:
        kind = str(part.get("type")) if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            return str(part["text"])
        if kind == "refusal" and role == "assistant":
            return None
        readers = {"image_url": _image, "input_audio": _audio, "file": self._file}
        if role != "user" or kind not in readers or not isinstance(part.get(kind), dict):
            raise bad(f"Invalid value: '{kind}' at {where}.", param=where, code="invalid_value")
        seen.append(readers[kind](part[kind], f"{where}.{kind}"))
        return None

    def _file(self, file: Json, where: str) -> Attachment:
        if unknown := sorted(file.keys() - {"file_id", "file_data", "filename"}):
            raise bad(f"Unknown parameter: '{where}.{unknown[0]}'.", param=where, code="unknown_parameter")
        if file.get("file_id") is not None:
            return self._stored(str(file["file_id"]), where)
        if not isinstance(file.get("file_data"), str) or not file.get("filename"):
            raise bad(f"Missing required parameter: '{where}.file_id'.", param=where, code="missing_required_parameter")
        mime_type, data = data_url(file["file_data"], f"{where}.file_data")
        attachment = Attachment.of(str(file["filename"]), mime_type, data)
        return _only_pdf(attachment, f"{where}.file_data")

    def _stored(self, file_id: str, where: str) -> Attachment:
        return _only_pdf(stored(self.find, file_id, f"{where}.file_id"), f"{where}.file_id")


def _only_pdf(attachment: Attachment, where: str) -> Attachment:
    if attachment.mime_type != "application/pdf":
        raise bad(
            f"Invalid file data: '{where}'. Expected a file with an application/pdf MIME type, but got unsupported "
            f"MIME type '{attachment.mime_type}'.",
            param=where,
            code="unsupported_file",
        )
    if b"%PDF-" not in attachment.head:
        raise bad(f"Invalid file data: '{where}'. The file could not be read as a PDF.", param=where)
    return attachment


def _image(image: Json, where: str) -> Attachment | str:
    if image.get("detail") not in (None, "auto", "low", "high", "original"):
        raise bad(f"Invalid value: '{image['detail']}'.", param=f"{where}.detail", code="invalid_value")
    return image_at(image.get("url"), f"{where}.url")


def _audio(audio: Json, where: str) -> Attachment:
    if audio.get("format") not in ("wav", "mp3"):
        raise bad(f"Invalid value: '{audio.get('format')}'. Supported values are: 'wav' and 'mp3'.", param=where)
    if not isinstance(audio.get("data"), str):
        raise bad(f"Missing required parameter: '{where}.data'.", param=where, code="missing_required_parameter")
    return Attachment.of("audio", f"audio/{audio['format']}", decoded(audio["data"], f"{where}.data"))


def _check_calls(calls: Any, where: str) -> None:
    if calls is None:
        return
    if not isinstance(calls, list) or not calls:
        raise bad(f"Invalid '{where}': expected an array with at least one tool call.", param=where)
    for number, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        function = function if isinstance(function, dict) else {}
        needed = (function.get("name"), function.get("arguments"), call.get("id") if function else None)
        if not all(isinstance(value, str) for value in needed):
            place = f"{where}[{number}]"
            raise bad(f"Missing required parameter in '{place}'.", param=place, code="missing_required_parameter")


def _check_tool_turns(messages: list[Json]) -> None:
    """Every tool call is answered right after it, and nothing else is."""
    open_calls: list[str] = []
    for number, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_calls:
                raise bad(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'.",
                    param=f"messages[{number}].role",
                )
            open_calls.remove(message["tool_call_id"])
        else:
            _check_answered(open_calls)
            open_calls = [str(call.get("id")) for call in message.get("tool_calls") or ()]
    _check_answered(open_calls)


def _check_answered(open_calls: list[str]) -> None:
    if open_calls:
        raise bad(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}",
            param="messages",
        )


def _results(messages: list[Json]) -> list[str]:
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        content = message["content"]
        results.insert(0, content if isinstance(content, str) else "".join(part["text"] for part in content))
    return results
