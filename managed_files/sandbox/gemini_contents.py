"""What Gemini accepts as contents, and what its model sees of them. Wire facts: aiplatform v1, public errors."""

import base64
import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from managed_files.sandbox.answers import Attachment, Json, Prompt
from managed_files.sandbox.gemini_rules import UNABLE
from managed_files.sandbox.gemini_schema import decoded
from managed_files.sandbox.google_errors import invalid

_MIME_TYPES = re.compile(
    r"application/pdf|text/(plain|html|css|csv|xml|rtf|markdown|x-markdown|md|javascript|x-python)"
    r"|application/(json|rtf|x-javascript|x-python)"
    r"|image/(png|jpeg|webp|heic|heif|gif|bmp)"
    r"|audio/(x-aac|aac|flac|mp3|m4a|mpeg|mpga|mp4|ogg|opus|pcm|wav|x-wav|webm|aiff|l16)"
    r"|video/(x-flv|quicktime|mpeg|mpegs|mpg|mp4|webm|wmv|3gpp|mov|avi)"
)
_SKIP_VALIDATOR = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")  # also as base64
_DATA_FIELDS = {
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
}


def signature(name: str) -> str:
    """The thought signature that comes with a call of this function: base64."""
    return base64.b64encode(hashlib.sha512(f"thought about {name}".encode()).digest()).decode()


def _genuine(given: str, name: str) -> bool:
    """Whether the signature is ours, in either base64 alphabet, or one of the documented stand-ins."""
    return given in _SKIP_VALIDATOR or decoded(given) in (
        decoded(signature(name)),
        *(word.encode() for word in _SKIP_VALIDATOR),
    )


class Media(ABC):
    """What a part that holds data, or names a file, shows to the model. Where files are, each platform says itself."""

    @abstractmethod
    def file(self, file: Json) -> Attachment | str:
        """What a `fileData` names. Raises the platform's error for what cannot be read."""

    def inline(self, blob: Json) -> Attachment:
        """What an `inlineData` holds. Raises a 400."""
        mime_type, data = supported(blob.get("mimeType")), decoded(blob.get("data", ""))
        if not data:
            raise invalid(f"{UNABLE} inlineData must have data.")
        return Attachment.of(blob.get("displayName", "inline"), mime_type, data)


class Contents:
    """Reads `contents` and `systemInstruction` of one request."""

    def __init__(self, media: Media, model: str):
        self._media = media
        self._model = model

    def prompt(self, request: Mapping[str, Any]) -> Prompt:
        """What the model sees. Raises Google's errors for what it refuses."""
        contents = request.get("contents")
        if not contents:
            raise invalid(f"{UNABLE} at least one contents field is required.")
        for part in (request.get("systemInstruction") or {}).get("parts", ()):
            if "text" not in part:
                raise invalid("System instruction should contain only text parts.")
            _check_text(part)
        seen: list[Attachment | str] = []
        text = ""
        for number, content in enumerate(contents, start=1):
            texts = self._content(content, number, seen)
            if texts and content.get("role", "user") == "user":
                text = "\n".join(texts)
        _check_turns(contents)
        return Prompt(text, seen, _results(contents[-1]))

    def _content(self, content: Json, number: int, seen: list[Attachment | str]) -> list[str]:
        if content.get("role", "user") not in ("user", "model"):
            raise invalid("Please use a valid role: user, model.")
        parts = content.get("parts")
        if not parts:
            raise invalid(f"{UNABLE} it must include at least one parts field in content block {number}.")
        texts: list[str] = []
        for part in parts:
            kinds = _DATA_FIELDS & part.keys()
            if len(kinds) != 1:
                raise invalid(f"{UNABLE} a part of content block {number} must have one initialized field: required.")
            if "text" in part:
                _check_text(part)
                texts.append(part["text"])
            media = part.get("functionResponse", {}).get("parts", ())
            if media and not self._model.startswith("gemini-3"):
                raise invalid(f"{UNABLE} `function_response.parts` is not supported for this model.")
            for shown in (part, *media):
                self._look(shown, seen)
        self._check_calls(content, number)
        return texts

    def _look(self, part: Json, seen: list[Attachment | str]) -> None:
        if "inlineData" in part:
            seen.append(self._media.inline(part["inlineData"]))
        elif "fileData" in part:
            seen.append(self._media.file(part["fileData"]))

    def _check_calls(self, content: Json, number: int) -> None:
        calls = [part for part in content["parts"] if "functionCall" in part]
        if any(not part["functionCall"].get("name") for part in calls):
            raise invalid(f"{UNABLE} a function call in content block {number} has no name.")
        if calls and content.get("role") != "model":
            raise invalid("Please ensure that function call parts come from the role model.")
        if calls and self._model.startswith("gemini-3") and "thoughtSignature" not in calls[0]:
            name = calls[0]["functionCall"]["name"]
            raise invalid(
                f"{UNABLE} function call `{name}` in the {number}. content block is missing a `thought_signature`."
            )
        for part in calls:
            given = part.get("thoughtSignature")
            if given is not None and not _genuine(given, part["functionCall"]["name"]):
                raise invalid("Corrupted thought signature.")


def _check_text(part: Json) -> None:
    """A signature may come, and go back, in a part that says nothing else."""
    if not part["text"] and "thoughtSignature" not in part:
        raise invalid(f"{UNABLE} it has an empty text parameter. Add a value to the parameter and try again.")


def supported(mime_type: str | None) -> str:
    """The MIME type, if there is one that Gemini reads. Raises a 400."""
    if not mime_type:
        raise invalid(f"{UNABLE} it must have a mimeType parameter.")
    if not _MIME_TYPES.fullmatch(mime_type.partition(";")[0]):
        raise invalid(
            f"{UNABLE} it has a mimeType parameter with value {mime_type}, which is not supported. "
            "Update the mimeType and try again."
        )
    return mime_type


def _parts(content: Json, kind: str) -> list[Json]:
    return [part[kind] for part in content["parts"] if kind in part]


def _check_turns(contents: list[Json]) -> None:
    """Calls are answered in the very next content, as many as there were, by the same names and ids."""
    if contents[0].get("role") == "model" and _parts(contents[0], "functionCall"):
        raise invalid(
            "Please ensure that function call turn comes immediately after a user turn or after a function "
            "response turn."
        )
    for before, content in zip([{"parts": []}, *contents], [*contents, {"parts": []}], strict=True):
        calls, responses = _parts(before, "functionCall"), _parts(content, "functionResponse")
        if len(calls) != len(responses):
            raise invalid(
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            )
        _check_matching(calls, responses)


def _check_matching(calls: list[Json], responses: list[Json]) -> None:
    if sorted(call["name"] for call in calls) != sorted(response.get("name", "") for response in responses):
        raise invalid("Please ensure that function response parts have the names of the function call parts.")
    if any("response" not in response for response in responses):
        raise invalid("Function response parts need a response.")
    ids = {call["id"] for call in calls if "id" in call}
    if any(response.get("id", "") not in ids for response in responses if ids and "id" in response):
        raise invalid("Please ensure that function response ids match the ids of the function call parts.")


def _results(last: Json) -> list[str]:
    return [str(response["response"]) for response in _parts(last, "functionResponse")]
