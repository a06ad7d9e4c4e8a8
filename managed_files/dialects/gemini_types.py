"""MIME types as Gemini takes them: guessed from a name, and in the spelling that it documents. Pure."""

from mimetypes import MimeTypes

_TEXTUAL = frozenset(
    {"json", "jsonl", "x-jsonl", "x-ndjson", "xml", "yaml", "x-yaml", "toml", "csv", "javascript", "x-javascript"}
    | {"typescript", "x-typescript", "sql", "x-sh", "x-httpd-php", "x-python", "x-tex", "graphql"}
)
_SPELLING = {
    "audio/wave": "audio/wav",
    "audio/x-aiff": "audio/aiff",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/m4a",
    "audio/x-wav": "audio/wav",
    "image/jpg": "image/jpeg",
    "video/x-m4v": "video/mp4",
}


def _known_types() -> MimeTypes:
    """Python's table, with what it lacks or names otherwise than Gemini does."""
    types = MimeTypes()
    for ending in ("webp", "heic", "heif", "avif"):
        types.add_type(f"image/{ending}", f".{ending}")
    for ending in ("wav", "mp3", "flac", "aac", "ogg"):
        types.add_type(f"audio/{ending}", f".{ending}")
    types.add_type("text/markdown", ".md")
    return types


_TYPES = _known_types()


def guess(name: str) -> str | None:
    """By a filename's or path's ending."""
    return _TYPES.guess_type(f"file:{name}")[0] if name else None


def for_gemini(mime_type: str) -> str:
    """Gemini documents PDF, images, audio, video and `text/plain`; every other text goes as that last one."""
    mime_type = mime_type.partition(";")[0].strip().lower()
    kind, _, name = mime_type.partition("/")
    if kind == "text" or (kind == "application" and (name in _TEXTUAL or name.endswith(("+json", "+xml")))):
        return "text/plain"
    return _SPELLING.get(mime_type, mime_type)
