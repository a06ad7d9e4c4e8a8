"""MIME types as Converse takes them: a kind of block and the word for its format; names of documents. Pure.

Source: the enums ImageFormat, DocumentFormat, VideoFormat and AudioFormat of botocore's service model.
"""

import re
from collections.abc import Iterable
from mimetypes import MimeTypes

_BLOCKS = {
    "image": {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"},
    "document": {
        "application/pdf": "pdf",
        "text/csv": "csv",
        "application/csv": "csv",
        "application/msword": "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "application/vnd.ms-excel": "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "text/html": "html",
        "text/markdown": "md",
        "text/x-markdown": "md",
    },
    "video": {
        "video/x-matroska": "mkv",
        "video/matroska": "mkv",
        "video/quicktime": "mov",
        "video/mp4": "mp4",
        "video/x-m4v": "mp4",
        "video/webm": "webm",
        "video/x-flv": "flv",
        "video/mpeg": "mpeg",
        "video/x-ms-wmv": "wmv",
        "video/3gpp": "three_gp",
    },
    "audio": {
        "audio/mpeg": "mp3",
        "audio/mp3": "mp3",
        "audio/opus": "opus",
        "audio/wav": "wav",
        "audio/wave": "wav",
        "audio/x-wav": "wav",
        "audio/aac": "aac",
        "audio/flac": "flac",
        "audio/x-flac": "flac",
        "audio/mp4": "mp4",
        "audio/ogg": "ogg",
        "audio/x-matroska": "mka",
        "audio/x-m4a": "m4a",
        "audio/m4a": "m4a",
        "audio/pcm": "pcm",
        "audio/webm": "webm",
    },
}
_FORMATS = {mime_type: (kind, word) for kind, words in _BLOCKS.items() for mime_type, word in words.items()}
# Applications that are text: Converse takes every text without a format of its own as `txt`.
_TEXTUAL = frozenset(
    {"json", "jsonl", "x-jsonl", "x-ndjson", "xml", "yaml", "x-yaml", "toml", "javascript", "x-javascript", "sql"}
    | {"typescript", "x-typescript", "x-sh", "x-httpd-php", "x-python", "x-tex", "graphql"}
)
_NAME_LIMIT = 200
_UNNAMEABLE = re.compile(r"[^A-Za-z0-9\-()\[\] ]+")
_OFFICE = "application/vnd.openxmlformats-officedocument"
# What Python's own table lacks, or names otherwise than above.
_ENDINGS = {
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".md": "text/markdown",
    ".webp": "image/webp",
    **{f".{word}": f"audio/{word}" for word in ("aac", "flac", "m4a", "ogg", "opus", "wav")},
    **{".mkv": "video/x-matroska", ".flv": "video/x-flv", ".wmv": "video/x-ms-wmv", ".3gp": "video/3gpp"},
}


def _known_types() -> MimeTypes:
    types = MimeTypes()
    for ending, mime_type in _ENDINGS.items():
        types.add_type(mime_type, ending)
    return types


_TYPES = _known_types()


def block_format(mime_type: str) -> tuple[str, str] | None:
    """The kind of block and the format's word; None for a type that Converse has no block for."""
    mime_type = mime_type.partition(";")[0].strip().lower()
    if known := _FORMATS.get(mime_type):
        return known
    kind, _, name = mime_type.partition("/")
    if kind == "text" or (kind == "application" and (name in _TEXTUAL or name.endswith(("+json", "+xml")))):
        return "document", "txt"
    return None


def guess(name: str) -> str | None:
    """A MIME type by a filename's or path's ending."""
    return _TYPES.guess_type(f"file:{name}")[0] if name else None


def document_name(filename: str, taken: Iterable[str]) -> str:
    """The filename without its ending as Converse takes names, unlike every one that is `taken`.

    Only letters, digits, single spaces, hyphens, round and square brackets; a dot is refused.
    """
    stem = filename.rpartition("/")[2].rpartition(".")[0] or filename.rpartition("/")[2]
    name = " ".join(_UNNAMEABLE.sub(" ", stem).split())[: _NAME_LIMIT - 6].strip() or "document"
    used = set(taken)
    numbered = (f"{name} ({number})" for number in range(2, len(used) + 2))
    return name if name not in used else next(other for other in numbered if other not in used)
