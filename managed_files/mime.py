"""A file's MIME type, from what the client says, the name, or the first bytes. The same answer on every machine."""

import codecs
import mimetypes
import re
from pathlib import PurePosixPath

_UNKNOWN = "application/octet-stream"
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_OFFICE = "application/vnd.openxmlformats-officedocument"

# Suffixes that Python lacks, or whose type differs between its versions; audio in the spelling that Gemini takes.
_BY_SUFFIX = mimetypes.MimeTypes().types_map[True] | {
    ".3gp": "video/3gpp",
    ".aac": "audio/aac",
    ".aiff": "audio/aiff",
    ".avif": "image/avif",
    ".c": "text/x-c",
    ".cpp": "text/x-c++",
    ".cs": "text/x-csharp",
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".flv": "video/x-flv",
    ".go": "text/x-golang",
    ".gz": "application/gzip",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".ipynb": "application/x-ipynb+json",
    ".java": "text/x-java",
    ".js": "text/javascript",
    ".jsonl": "application/jsonl",
    ".log": "text/plain",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".mkv": "video/x-matroska",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ogg": "audio/ogg",
    ".opus": "audio/opus",
    ".parquet": "application/vnd.apache.parquet",
    ".php": "text/x-php",
    ".pptx": f"{_OFFICE}.presentationml.presentation",
    ".rb": "text/x-ruby",
    ".rtf": "application/rtf",
    ".toml": "application/toml",
    ".ts": "text/x-typescript",
    ".wav": "audio/wav",
    ".webp": "image/webp",
    ".wmv": "video/x-ms-wmv",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
_USUAL_SPELLING = {
    "application/ogg": "audio/ogg",
    "application/x-gzip": "application/gzip",
    "audio/wave": "audio/wav",
    "image/x-ms-bmp": "image/bmp",
}


def detect(content_type: str | None, filename: str, head: bytes) -> str:
    """The part's own type unless it is missing, malformed or octet-stream; else by suffix; else by content.

    `head`: the file's first bytes, some KiB. Returns `type/subtype` in lower case without parameters.
    """
    declared = (content_type or "").partition(";")[0].strip().lower()
    if declared != _UNKNOWN and _TYPE.fullmatch(declared):
        return declared
    return _BY_SUFFIX.get(PurePosixPath(filename).suffix.lower()) or _from_content(head)


def _from_content(head: bytes) -> str:
    # Every zip archive looks like the office formats that are zip archives inside; only the name tells them apart.
    if head.startswith(b"PK\x03\x04"):
        return "application/zip"
    text = _is_text(head)
    # Text may begin with "BM" or "ID3" by chance, so a short signature proves something in binary content only.
    return _by_signature(head, 4 if text else 2) or ("text/plain" if text else _UNKNOWN)


def _by_signature(head: bytes, min_bytes: int) -> str | None:
    import puremagic  # here, since few files get so far and its tables take memory

    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return None
    found = next((match.mime_type for match in matches if match.mime_type and match.confidence >= min_bytes / 10), None)
    return _USUAL_SPELLING.get(found, found) if found else None


def _is_text(head: bytes) -> bool:
    """UTF-8 (its last character may be cut off) without control characters that text does not hold."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return head != b"" and not re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]", head)
