"""Content parts: OpenAI's text, image_url and file to Anthropic's text, image, document and container_upload blocks.

Of a part's other keys Anthropic's own are kept: `cache_control`, and for documents `title`, `context`, `citations`.
"""

import base64
import binascii
from typing import Any
from urllib.parse import urlsplit

from managed_files.dialects.anthropic_types import IMAGES, PDF, TEXT, for_anthropic, guess
from managed_files.dialects.data_url import read_data_url
from managed_files.dialects.shape import present, to_list, to_object, to_text
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

_LINKS = ("http://", "https://")
_UNKNOWN_TYPE = "application/octet-stream"
_OF_DOCUMENTS = ("title", "context", "citations")


def content_blocks(content: Any, where: str) -> list[Json]:
    """A message's content, a string or an array of parts. Anthropic refuses blank texts, which say nothing anyway."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content.strip() else []
    parts = enumerate(to_list(content, where))
    blocks = [_block(present(part, f"{where}[{i}]"), f"{where}[{i}]") for i, part in parts]
    return [block for block in blocks if block.get("text", "said").strip()]


def _block(part: Json, where: str) -> Json:
    block = _translated(part, where)
    return {**block, "cache_control": part["cache_control"]} if "cache_control" in part else block


def _translated(part: Json, where: str) -> Json:
    match part.get("type"):
        case "text" | "refusal" as kind:
            return {"type": "text", "text": to_text(part.get(kind), f"{where}.{kind}")}
        case "image_url":
            return _image(part, f"{where}.image_url")
        case "file":
            return _file(part, f"{where}.file")
        case other:
            raise Inexpressible(f"Anthropic has no counterpart for a part of type {other!r}.", param=f"{where}.type")


def _image(part: Json, where: str) -> Json:
    """`detail` is a hint that Anthropic has no use for."""
    url = to_text(to_object(part.get("image_url"), where).get("url"), f"{where}.url")
    if url.startswith(_LINKS):
        return {"type": "image", "source": {"type": "url", "url": url}}
    if url[:5].lower() != "data:":
        raise InvalidRequest(f"'{where}.url' is neither a web address nor a data URL.", param=f"{where}.url")
    own, data = read_data_url(url, where)
    mime_type = for_anthropic(own or "image/jpeg")
    if mime_type not in IMAGES:
        raise Inexpressible(f"Anthropic takes JPEG, PNG, GIF and WebP images, not {mime_type}.", param=f"{where}.url")
    return {"type": "image", "source": {"type": "base64", "media_type": mime_type, "data": data}}


def _file(part: Json, where: str) -> Json:
    file = present(part.get("file"), where)
    name = str(file.get("filename") or "")
    if file.get("file_id"):
        block = _stored(to_text(file["file_id"], f"{where}.file_id"), _type(file, name))
    else:
        block = _inline(to_text(file.get("file_data"), f"{where}.file_data"), _type(file, name), where)
    if block["type"] != "document":
        return block
    title = {"title": name} if name else {}
    own = {key: value for key, value in {**file, **part}.items() if key in _OF_DOCUMENTS}
    return {**block, **title, **own}


def _stored(file_id: str, mime_type: str | None) -> Json:
    """A file of unknown type is taken for a document. What Anthropic cannot read goes to its code execution."""
    source = {"type": "file", "file_id": file_id}
    if mime_type in IMAGES:
        return {"type": "image", "source": source}
    if mime_type in (PDF, TEXT, None):
        return {"type": "document", "source": source}
    return {"type": "container_upload", "file_id": file_id}


def _inline(data: str, mime_type: str | None, where: str) -> Json:
    """`data`: a data URL, a web address that Anthropic fetches, or bare base64."""
    if data.startswith(_LINKS):
        return _linked(data, mime_type, where)
    if data[:5].lower() == "data:":
        own, data = read_data_url(data, where)
        mime_type = mime_type if own in ("", _UNKNOWN_TYPE) else for_anthropic(own)
    if mime_type in IMAGES:
        return {"type": "image", "source": {"type": "base64", "media_type": mime_type, "data": data}}
    if mime_type == PDF:
        return {"type": "document", "source": {"type": "base64", "media_type": PDF, "data": data}}
    if mime_type == TEXT:
        return {"type": "document", "source": {"type": "text", "media_type": TEXT, "data": _text(data, where)}}
    raise _unreadable(mime_type, f"{where}.file_data")


def _linked(url: str, mime_type: str | None, where: str) -> Json:
    mime_type = mime_type or for_anthropic(guess(urlsplit(url).path) or PDF)
    if mime_type not in (PDF, *IMAGES):
        raise _unreadable(mime_type, f"{where}.file_data")
    return {"type": "document" if mime_type == PDF else "image", "source": {"type": "url", "url": url}}


def _unreadable(mime_type: str | None, param: str) -> Inexpressible:
    return Inexpressible(
        f"Anthropic reads PDF, text and images inside of a message, not {mime_type or 'an unknown type'}; "
        "send a data URL or a filename that tells the type, or upload the file.",
        param=param,
    )


def _type(file: Json, name: str) -> str | None:
    """`format` comes with a stored file; otherwise the name tells."""
    for candidate in (file.get("format"), guess(name)):
        if isinstance(candidate, str) and candidate not in ("", _UNKNOWN_TYPE):
            return for_anthropic(candidate)
    return None


def _text(data: str, where: str) -> str:
    """A document of text goes as itself, not as base64."""
    try:
        return base64.b64decode("".join(data.split()), validate=True).decode("utf-8-sig")
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(f"'{where}.file_data' is not base64 of UTF-8 text.", param=f"{where}.file_data") from error
