"""Content parts: OpenAI's text, image_url, input_audio and file to Converse's text, image, document, video and audio.

Only the keys named here are read; a part's other keys are hints or labels for people, and change no answer.
"""

import re
from typing import Any

from managed_files.dialects.converse_cache import cache_point
from managed_files.dialects.converse_models import reads_s3
from managed_files.dialects.converse_types import block_format, document_name, guess
from managed_files.dialects.data_url import read_data_url
from managed_files.dialects.shape import present, to_list, to_object, to_text
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_UNKNOWN_TYPE = "application/octet-stream"


class PartReader:
    """Reads the parts of one request; remembers the documents' names, which have to differ. `model`: its id."""

    def __init__(self, model: str):
        self._model = model
        self._names: set[str] = set()

    def read(self, content: Any, where: str) -> list[Json]:
        """A message's content, a string or an array of parts, as blocks. Blank text, which is refused, makes none."""
        if isinstance(content, str):
            return _text(content)
        parts = enumerate(to_list(content, where))
        return [block for i, part in parts for block in self._part(present(part, f"{where}[{i}]"), f"{where}[{i}]")]

    def _part(self, part: Json, where: str) -> list[Json]:
        return [*self._block(part, where), *cache_point(part, where)]

    def _block(self, part: Json, where: str) -> list[Json]:
        match part.get("type"):
            case "text" | "refusal" as kind:
                return _text(to_text(part.get(kind), f"{where}.{kind}"))
            case "image_url":
                image = to_object(part.get("image_url"), f"{where}.image_url")
                url = to_text(image.get("url"), f"{where}.image_url.url")
                return [self._media(url, image.get("format"), f"{where}.image_url", default="image/jpeg")]
            case "input_audio":
                audio = to_object(part.get("input_audio"), f"{where}.input_audio")
                kind = to_text(audio.get("format"), f"{where}.input_audio.format")
                data = to_text(audio.get("data"), f"{where}.input_audio.data")
                return [self._media(data, kind if "/" in kind else f"audio/{kind}", f"{where}.input_audio")]
            case "file":
                return [self._file(part, f"{where}.file")]
            case other:
                raise Inexpressible(f"Bedrock has no counterpart for a part of type {other!r}.", param=f"{where}.type")

    def _file(self, part: Json, where: str) -> Json:
        file = to_object(part.get("file"), where)
        field = "file_id" if file.get("file_id") else "file_data"
        source = to_text(file.get(field), f"{where}.{field}")
        if field == "file_id" and not source.startswith("s3://"):
            raise InvalidRequest(
                f"Bedrock takes a stored file by its s3:// URI; {source!r} is none.", param=f"{where}.file_id"
            )
        return self._media(source, file.get("format"), where, filename=str(file.get("filename") or ""))

    def _media(self, source: str, declared: Any, where: str, *, filename: str = "", default: str | None = None) -> Json:
        """`source`: a data URL, an s3:// URI, or bare base64. `declared`: the MIME type that a stored file has."""
        own, data = read_data_url(source, where) if source[:5].lower() == "data:" else (None, source)
        stored = own is None and _URI.match(source) is not None
        if stored:
            self._check_address(source, where)
            filename = filename or source
        known = None if declared is None else to_text(declared, f"{where}.format")
        kind, word = _format(where, own, known, guess(filename), default)
        place = {"s3Location": {"uri": source}} if stored else {"bytes": data}
        return {kind: {"format": word, **self._named(kind, filename), "source": place}}

    def _check_address(self, uri: str, where: str) -> None:
        if not uri.startswith("s3://"):
            raise Inexpressible("Bedrock fetches no URL; send the data itself, or upload it.", param=where)
        if not reads_s3(self._model):
            raise InvalidRequest(
                f"{self._model} does not read files from S3. Send the file's data in the message, or choose a model "
                "that does, such as Amazon Nova.",
                param=where,
            )

    def _named(self, kind: str, filename: str) -> Json:
        if kind != "document":
            return {}
        name = document_name(filename, self._names)
        self._names.add(name)
        return {"name": name}


def _text(text: str) -> list[Json]:
    return [{"text": text}] if text.strip() else []


def _format(where: str, *candidates: str | None) -> tuple[str, str]:
    """By the first type that says something."""
    mime_type = next((type_ for type_ in candidates if type_ and type_ != _UNKNOWN_TYPE), None)
    if mime_type is None:
        raise InvalidRequest(
            f"Bedrock needs the MIME type of '{where}': send a data URL, a filename or a 'format'.",
            param=f"{where}.format",
        )
    found = block_format(mime_type)
    if found is None:
        raise InvalidRequest(f"Bedrock takes no file of type {mime_type!r}.", param=where)
    return found
