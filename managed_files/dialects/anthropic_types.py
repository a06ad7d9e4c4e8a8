"""MIME types as Anthropic takes them: what it reads as text, as an image, as a document. Pure.

Source: Anthropic's "Files API", file types and content blocks.
"""

from mimetypes import MimeTypes

PDF = "application/pdf"
TEXT = "text/plain"
IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})

_TEXTUAL = frozenset(
    {"json", "jsonl", "x-jsonl", "x-ndjson", "xml", "yaml", "x-yaml", "toml", "csv", "javascript", "x-javascript"}
    | {"typescript", "x-typescript", "sql", "x-sh", "x-httpd-php", "x-python", "x-tex", "graphql"}
)
_SPELLING = {"image/jpg": "image/jpeg", "application/x-pdf": PDF}
_KNOWN = MimeTypes()
_KNOWN.add_type("image/webp", ".webp")
_KNOWN.add_type("text/markdown", ".md")


def guess(name: str) -> str | None:
    """By a filename's or path's ending."""
    return _KNOWN.guess_type(f"file:{name}")[0] if name else None


def for_anthropic(mime_type: str) -> str:
    """A document is PDF or `text/plain`: every other text (CSV, JSON, Markdown, code) is read when it goes as that."""
    mime_type = mime_type.partition(";")[0].strip().lower()
    kind, _, name = mime_type.partition("/")
    if kind == "text" or (kind == "application" and (name in _TEXTUAL or name.endswith(("+json", "+xml")))):
        return TEXT
    return _SPELLING.get(mime_type, mime_type)
