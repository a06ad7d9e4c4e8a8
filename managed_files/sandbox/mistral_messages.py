"""How Mistral's chat endpoint reads messages, and what the model sees. Wire facts: Mistral's API description."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from managed_files.sandbox.answers import Attachment, Json, Prompt
from managed_files.sandbox.mistral_errors import bad, invalid, no_such_file
from managed_files.sandbox.mistral_files import MistralFile

Place = tuple[str | int, ...]
FileLookup = Callable[[str], MistralFile | None]

_KEYS = {
    "system": {"role", "content"},
    "user": {"role", "content"},
    "assistant": {"role", "content", "tool_calls", "prefix"},
    "tool": {"role", "content", "tool_call_id", "name"},
}
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)(?:;[\w=-]+)*;base64,(.*)", re.DOTALL)
_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")


@dataclass
class Reading:
    """Reads the messages of one request into what the model sees."""

    find: FileLookup

    def prompt(self, messages: Sequence[Any]) -> Prompt:
        """Raises the 4xx that Mistral answers, or returns the prompt."""
        seen: list[Attachment | str] = []
        text = ""
        for number, message in enumerate(messages):
            texts = self._message(message, ("body", "messages", number), seen)
            if message["role"] == "user":
                text = "\n".join(texts)
        _check_order(messages)
        results = [str(item["content"]) for item in _last_results(messages)]
        return Prompt(text, seen, results)

    def _message(self, message: Any, place: Place, seen: list[Attachment | str]) -> list[str]:
        role = message.get("role") if isinstance(message, dict) else None
        if role not in _KEYS:
            raise invalid(place, f"Input tag '{role}' found using 'role' does not match any of the expected tags")
        for name in sorted(message.keys() - _KEYS[role]):
            raise invalid((*place, role, name), "Extra inputs are not permitted", "extra_forbidden")
        _check_calls(message, place)
        content = message.get("content")
        if isinstance(content, str) or (content is None and role == "assistant"):
            return [content] if content else []
        if not isinstance(content, list):
            raise invalid((*place, role, "content"), "Input should be a valid string", "string_type")
        texts = [self._chunk(chunk, role, (*place, role, "content", i), seen) for i, chunk in enumerate(content)]
        return [text for text in texts if text is not None]

    def _chunk(self, chunk: Any, role: str, place: Place, seen: list[Attachment | str]) -> str | None:
        match chunk:
            case {"type": "text", "text": str(text), **rest} if not rest:
                return text
            case {"type": "thinking", "thinking": [*_]} if role in ("assistant", "system"):
                return None
            case _ if role == "system":
                raise invalid(place, "Only text and thinking chunks are allowed in system messages")
            case {"type": "file", "file_id": str(file_id), **rest} if not rest:
                seen.append(self._stored(file_id))
            case {"type": "image_url", "image_url": str(url) | {"url": str(url)}, **rest} if not rest:
                seen.append(_linked("image", url, place))
            case {"type": "document_url", "document_url": str(url), **rest} if not rest.keys() - {"document_name"}:
                seen.append(_linked(str(rest.get("document_name") or "document"), url, place))
            case {"type": "input_audio", "input_audio": str(data), **rest} if not rest:
                seen.append(_audio(data, place))
            case _:
                raise invalid(place, "Input does not match any of the expected chunks")
        return None

    def _stored(self, file_id: str) -> Attachment:
        file = self.find(file_id)
        if file is None:
            raise no_such_file(file_id)
        return Attachment(file.filename, file.content_type, file.blob.size, file.sha256, file.blob.head)


def _linked(name: str, url: str, place: Place) -> Attachment | str:
    if url.startswith(("http://", "https://")):
        return f"{name} at {url}"
    found = _DATA_URL.fullmatch(url)
    if found is None:
        raise invalid(place, "Input should be a valid URL", "url_parsing")
    return Attachment.of(name, found[1], _base64(found[2], place))


def _audio(data: str, place: Place) -> Attachment | str:
    if data.startswith(("http://", "https://")):
        return f"audio at {data}"
    return Attachment.of("audio", "audio", _base64(data, place))


def _base64(text: str, place: Place) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(place, "Data should be valid base64", "base64_decode") from error


def _check_calls(message: Json, place: Place) -> None:
    for i, call in enumerate(message.get("tool_calls") or ()):
        match call:
            case {"id": str(call_id), "function": {"name": str(), "arguments": str() | dict()}}:
                _check_id(call_id)
            case _:
                raise invalid((*place, "assistant", "tool_calls", i), "Field required", "missing")
    if message["role"] == "tool":
        _check_id(str(message.get("tool_call_id")))


def _check_id(call_id: str) -> None:
    if not _CALL_ID.fullmatch(call_id):
        message = f"Tool call id was {call_id} but must be a-z, A-Z, 0-9, with a length of 9."
        raise bad(message, kind="invalid_function_call", code="3280")


def _check_order(messages: Sequence[Json]) -> None:
    """Every call is answered before anybody else speaks, and the last word is not the assistant's."""
    open_calls: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                raise _disorder("Unexpected tool call id in tool results")
            open_calls.remove(message["tool_call_id"])
            continue
        if open_calls:
            raise _disorder("Not the same number of function calls and responses")
        open_calls = [call["id"] for call in message.get("tool_calls") or ()]
    last = messages[-1]
    if open_calls or (last["role"] not in ("user", "tool") and not last.get("prefix")):
        raise _disorder(
            "Expected last role User or Tool (or Assistant with prefix True) for serving "
            f"but got {last['role']}"
        )  # fmt: skip


def _disorder(message: str) -> Exception:
    return bad(message, kind="invalid_request_message_order", code="3230")


def _last_results(messages: Sequence[Json]) -> list[Json]:
    count = next((i for i, item in enumerate(reversed(messages)) if item["role"] != "tool"), len(messages))
    return list(messages[len(messages) - count :])
