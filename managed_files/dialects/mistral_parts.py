"""Content parts: OpenAI's to Mistral's chunks, which are flatter: a file's id, an audio's data stand at the top.

Wire facts: Mistral's API description (ContentChunk) and the types of its Python SDK 3.7. A part's keys that are not
named here (cache_control, …) are hints to other providers' caches, and change no answer.
"""

from mimetypes import MimeTypes
from typing import Any

from managed_files.dialects.shape import to_list, to_object, to_text
from managed_files.errors import Inexpressible

Json = dict[str, Any]

# Mistral's own chunks, for clients that know them. `file` and the like with a flat value are told by their shape.
_NATIVE = frozenset({"document_url", "reference", "thinking", "resource", "resource_link"})
_DEFAULT_TYPE = "application/pdf"
_TYPES = MimeTypes()  # of its own: the module's functions read the machine's files


def chunks(content: Any, where: str) -> str | list[Json]:
    """A message's content. Raises InvalidRequest naming the part below `where`."""
    if isinstance(content, str):
        return content
    return [_chunk(to_object(part, f"{where}[{i}]"), f"{where}[{i}]") for i, part in enumerate(to_list(content, where))]


def text(value: str) -> Json:
    """A text chunk."""
    return {"type": "text", "text": value}


def _chunk(part: Json, where: str) -> Json:
    kind = part.get("type")
    match kind:
        case "text" | "refusal":
            return text(to_text(part.get(kind), f"{where}.{kind}"))
        case "image_url":
            return {"type": kind, kind: _image(part.get(kind), f"{where}.{kind}")}
        case "input_audio":
            return {"type": kind, kind: _audio(part.get(kind), f"{where}.{kind}")}
        case "file":
            return _file(part, where)
        case _ if str(kind) in _NATIVE:
            return part
        case other:
            raise Inexpressible(f"Mistral has no counterpart for a part of type {other!r}.", param=f"{where}.type")


def _image(image: Any, where: str) -> str | Json:
    """Mistral takes the address alone too."""
    if isinstance(image, str):
        return image
    image = to_object(image, where)
    detail = image.get("detail")
    return {"url": to_text(image.get("url"), f"{where}.url"), **({} if detail is None else {"detail": detail})}


def _audio(audio: Any, where: str) -> str:
    """Base64 or an address. Mistral tells the format by the bytes."""
    return audio if isinstance(audio, str) else to_text(to_object(audio, where).get("data"), f"{where}.data")


def _file(part: Json, where: str) -> Json:
    file = to_object(part.get("file", part), f"{where}.file")  # Mistral's own form has file_id in the part itself
    where = f"{where}.file"
    if file.get("file_data") is None:
        return {"type": "file", "file_id": to_text(file.get("file_id"), f"{where}.file_id")}
    name = file.get("filename")
    url = _data_url(to_text(file["file_data"], f"{where}.file_data"), name)
    kind = url[len("data:") :].partition("/")[0].lower()
    if kind == "image":
        return {"type": "image_url", "image_url": url}
    if kind == "audio":
        return {"type": "input_audio", "input_audio": url.partition(",")[2]}
    return {"type": "document_url", "document_url": url, **({} if name is None else {"document_name": str(name)})}


def _data_url(data: str, filename: Any) -> str:
    """As it comes, or bare base64 with the MIME type that its name tells."""
    if data[:5].lower() == "data:":
        return data
    guessed = _TYPES.guess_type(f"file:{filename}")[0] if filename else None
    return f"data:{guessed or _DEFAULT_TYPE};base64,{data}"
