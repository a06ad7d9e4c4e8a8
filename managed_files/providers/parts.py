"""Rewrites a message part that carries a file id into OpenAI's `file` part. Pure."""

from typing import Any

from managed_files.records import Copy

# What the parts that can carry an id say about their own kind of value, and a file part has no place for.
_OF_THE_OLD_SHAPE = frozenset({"url", "data", "detail", "format"})


def as_file_part(part: dict[str, Any], remote_id: str) -> dict[str, Any]:
    """A new `{"type": "file", "file": {"file_id": remote_id, …}}`, from a file, image_url or input_audio part.

    Keys that we do not know are kept, both the part's and those of the value it holds.
    """
    kind = part["type"]
    value = part[kind] if isinstance(part.get(kind), dict) else {}
    kept = value if kind == "file" else {key: item for key, item in value.items() if key not in _OF_THE_OLD_SHAPE}
    around = {key: item for key, item in part.items() if key not in ("type", kind)}
    return {"type": "file", "file": {**kept, "file_id": remote_id}, **around}


def as_typed_file_part(part: dict[str, Any], copy: Copy) -> dict[str, Any]:
    """Likewise, of a stored copy, with `file.format`: the MIME type is the client's own word, or what is stored."""
    resolved = as_file_part(part, copy.stored_id)
    resolved["file"].setdefault("format", copy.mime_type)
    return resolved
