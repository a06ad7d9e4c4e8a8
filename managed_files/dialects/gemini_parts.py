"""Content parts: OpenAI's text, image_url, input_audio and file to Gemini's text, inlineData and fileData.

Only the keys named here are read; a part's other keys (prompt_cache_breakpoint, cache_control, …) are hints to caches
or labels for people, and change no answer.
"""

import re
from typing import Any
from urllib.parse import urlsplit

from managed_files.dialects.data_url import read_data_url
from managed_files.dialects.gemini_types import for_gemini, guess
from managed_files.dialects.shape import present, to_list, to_object, to_text
from managed_files.errors import InvalidRequest

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_UNKNOWN_TYPE = "application/octet-stream"

# mediaResolution of one part exists from Gemini 3 on; for older models `detail` stays the hint that it is for OpenAI.
_DETAIL = {
    "low": "MEDIA_RESOLUTION_LOW",
    "high": "MEDIA_RESOLUTION_HIGH",
    "original": "MEDIA_RESOLUTION_ULTRA_HIGH",
}


def content_parts(content: Any, where: str, *, gemini_3: bool) -> list[dict[str, Any]]:
    """A message's content, a string or an array of parts. Raises InvalidRequest naming the part below `where`.

    Gemini refuses a request that has an empty text, and such a text says nothing.
    """
    if isinstance(content, str):
        return [{"text": content}] if content else []
    numbered = enumerate(to_list(content, where))
    parts = [_part(present(part, f"{where}[{i}]"), f"{where}[{i}]", gemini_3) for i, part in numbered]
    return [part for part in parts if part.get("text") != ""]


def _part(part: dict[str, Any], where: str, gemini_3: bool) -> dict[str, Any]:
    match part.get("type"):
        case "text" | "refusal" as kind:
            return {"text": to_text(part.get(kind), f"{where}.{kind}")}
        case "image_url":
            return _image(part, f"{where}.image_url", gemini_3)
        case "input_audio":
            return _audio(part, f"{where}.input_audio")
        case "file":
            return _file(part, f"{where}.file")
        case other:
            raise InvalidRequest(f"Gemini has no counterpart for a part of type {other!r}.", param=f"{where}.type")


def _image(part: dict[str, Any], where: str, gemini_3: bool) -> dict[str, Any]:
    image = to_object(part.get("image_url"), where)
    url = to_text(image.get("url"), f"{where}.url")
    media = _media(url, _declared(image, where), where, default="image/jpeg")
    if gemini_3 and (level := _DETAIL.get(str(image.get("detail")))):
        media["mediaResolution"] = {"level": level}
    return media


def _audio(part: dict[str, Any], where: str) -> dict[str, Any]:
    audio = to_object(part.get("input_audio"), where)
    kind = to_text(audio.get("format"), f"{where}.format")
    return _media(to_text(audio.get("data"), f"{where}.data"), kind if "/" in kind else f"audio/{kind}", where)


def _file(part: dict[str, Any], where: str) -> dict[str, Any]:
    file = to_object(part.get("file"), where)
    field = "file_id" if file.get("file_id") else "file_data"
    source = to_text(file.get(field), f"{where}.{field}")
    if field == "file_id" and not _URI.match(source):
        raise InvalidRequest(f"Gemini takes a stored file by its URI; {source!r} is none.", param=f"{where}.file_id")
    return _media(source, _declared(file, where), where, filename=str(file.get("filename") or ""))


def _declared(value: dict[str, Any], where: str) -> str | None:
    """`format`, the MIME type that comes with a stored file."""
    mime_type = value.get("format")
    return None if mime_type is None else to_text(mime_type, f"{where}.format")


def _media(
    source: str, declared: str | None, where: str, *, filename: str = "", default: str | None = None
) -> dict[str, Any]:
    """`source`: a data URL, a URI that Gemini fetches itself (gs://, https://), or bare base64."""
    if source[:5].lower() == "data:":
        own, data = read_data_url(source, where)
        return {"inlineData": {"mimeType": _mime_type(where, own, declared, guess(filename), default), "data": data}}
    if _URI.match(source):
        path = urlsplit(source).path
        mime_type = _mime_type(where, declared, guess(filename), guess(path), default)
        return {"fileData": {"fileUri": source, "mimeType": mime_type}}
    return {"inlineData": {"mimeType": _mime_type(where, declared, guess(filename), default), "data": source}}


def _mime_type(where: str, *candidates: str | None) -> str:
    """The first type that says something. Gemini requires one with every file and refuses octet-stream."""
    for candidate in candidates:
        if candidate and candidate != _UNKNOWN_TYPE:
            return for_gemini(candidate)
    raise InvalidRequest(
        f"Gemini needs the MIME type of '{where}': send a data URL, a filename or a 'format'.", param=f"{where}.format"
    )
