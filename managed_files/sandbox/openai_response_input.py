"""How OpenAI's Responses read their input, and what the model sees of it. Wire facts: OpenAI's API description."""

from dataclasses import dataclass
from typing import Any

from managed_files.sandbox.answers import Attachment, Json, Prompt
from managed_files.sandbox.openai_attachments import IMAGES, FileLookup, data_url, image_at, only_image, stored
from managed_files.sandbox.openai_errors import bad

_ROLES = ("user", "assistant", "system", "developer")


@dataclass
class ResponseInput:
    """Reads one request's items."""

    find: FileLookup

    def prompt(self, given: Any, tools: list[Json]) -> Prompt:
        """Raises a 400 that names the place, or returns what the model sees of the input and the tools' files."""
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        if not isinstance(items, list) or not items:
            raise bad("Invalid type for 'input': expected a string or an array of items.", param="input")
        seen: list[Attachment | str] = []
        texts: list[str] = []
        results: list[str] = []
        open_calls: set[Any] = set()
        for number, item in enumerate(items):
            where, kind = f"input[{number}]", _kind(item, f"input[{number}]")
            if kind == "message":
                found = self._message(item, where, seen)
                texts, results = (found, []) if item["role"] == "user" else (texts, results)
            elif kind == "function_call":
                open_calls.add(item.get("call_id"))
            elif kind == "function_call_output":
                results.append(self._result(item, where, seen, open_calls))
        return Prompt("\n".join(texts), [*seen, *self._in_containers(tools)], results)

    def _message(self, item: Json, where: str, seen: list[Attachment | str]) -> list[str]:
        if item.get("role") not in _ROLES:
            raise bad(f"Invalid value: '{item.get('role')}'. Supported values are: {_ROLES}.", param=f"{where}.role")
        content = item.get("content")
        return [content] if isinstance(content, str) else self._parts(content, f"{where}.content", seen)

    def _result(self, item: Json, where: str, seen: list[Attachment | str], open_calls: set[Any]) -> str:
        if item.get("call_id") not in open_calls:
            message = f"No tool call found for function call output with call_id {item.get('call_id')}."
            raise bad(message, param="input")
        output = item.get("output")
        return output if isinstance(output, str) else "".join(self._parts(output, f"{where}.output", seen))

    def _parts(self, parts: Any, where: str, seen: list[Attachment | str]) -> list[str]:
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            raise bad(f"Invalid type for '{where}': expected a string or parts.", param=where, code="invalid_type")
        texts: list[str] = []
        for number, part in enumerate(parts):
            place = f"{where}[{number}]"
            match part.get("type"):
                case "input_text" | "output_text" if isinstance(part.get("text"), str):
                    texts.append(part["text"])
                case "input_file":
                    seen.append(self._file(part, place))
                case "input_image":
                    seen.append(self._image(part, place))
                case kind:
                    raise bad(f"Invalid value: '{kind}'.", param=place, code="invalid_value")
        return texts

    def _file(self, part: Json, where: str) -> Attachment | str:
        if part.get("file_id") is not None:
            attachment = stored(self.find, str(part["file_id"]), f"{where}.file_id")
        elif part.get("file_url"):
            return f"file at {part['file_url']}"
        elif part.get("file_data") and part.get("filename"):
            attachment = Attachment.of(part["filename"], *data_url(str(part["file_data"]), f"{where}.file_data"))
        else:
            needed = f"{where}.file_id"
            raise bad(f"Missing required parameter: '{needed}'.", param=needed, code="missing_required_parameter")
        if attachment.mime_type in IMAGES:
            raise bad(f"Invalid input: '{where}' is an image. Use 'input_image'.", param=where, code="unsupported_file")
        return attachment

    def _image(self, part: Json, where: str) -> Attachment | str:
        if part.get("file_id") is not None:
            return only_image(stored(self.find, str(part["file_id"]), f"{where}.file_id"))
        return image_at(part.get("image_url"), f"{where}.image_url")

    def _in_containers(self, tools: list[Json]) -> list[Attachment]:
        containers = [tool.get("container") for tool in tools]
        ids = [name for item in containers if isinstance(item, dict) for name in item.get("file_ids") or ()]
        return [stored(self.find, str(file_id), "tools") for file_id in ids]


def _kind(item: Any, where: str) -> str:
    """Raises a 400 for what this stand-in does not know: items of tools that only OpenAI runs."""
    kind = item.get("type", "message" if "role" in item else None) if isinstance(item, dict) else None
    if kind not in ("message", "function_call", "function_call_output", "reasoning"):
        raise bad(f"Invalid value: '{kind}' at '{where}'.", param=where, code="invalid_value")
    return str(kind)
