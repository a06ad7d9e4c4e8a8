"""How Messages reads content blocks, and what the model sees of them. Wire facts: the `anthropic` package's types."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Any

from managed_files.sandbox.answers import Attachment, Json
from managed_files.sandbox.anthropic_access import Access
from managed_files.sandbox.anthropic_errors import bad
from managed_files.sandbox.anthropic_files import FileStore

_KEYS = {
    "text": {"text", "citations"},
    "image": {"source"},
    "document": {"source", "title", "context", "citations"},
    "container_upload": {"file_id"},
    "tool_use": {"id", "name", "input", "caller"},
    "tool_result": {"tool_use_id", "content", "is_error"},
    "thinking": {"thinking", "signature"},
    "redacted_thinking": {"data"},
}
_REQUIRED = {
    "text": ("text", str),
    "image": ("source", dict),
    "document": ("source", dict),
    "container_upload": ("file_id", str),
    "tool_use": ("input", dict),
    "tool_result": ("tool_use_id", str),
    "thinking": ("signature", str),
    "redacted_thinking": ("data", str),
}
_UNMARKED = ("thinking", "redacted_thinking")
IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_DOCUMENTS = ("application/pdf", "text/plain")
_TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")


def signature(thought: str) -> str:
    """What proves that a thought is Claude's own."""
    return "Er" + base64.b64encode(hashlib.sha256(thought.encode()).digest()).decode()


@dataclass(frozen=True)
class Blocks:
    """Reads the blocks of one request. `executes`: it brings the code execution tool."""

    store: FileStore
    access: Access
    executes: bool

    def check(self, block: Any, where: str) -> Json:
        """The block, its type, keys and main value as they have to be. Raises a 400 that names the place."""
        kind = block.get("type") if isinstance(block, dict) else None
        if kind not in _KEYS:
            if isinstance(kind, str) and kind.endswith(("_tool_use", "_tool_result")):
                return dict(block)  # of Anthropic's own tools
            raise bad(f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected tags")
        allowed = _KEYS[kind] | {"type"} | (set() if kind in _UNMARKED else {"cache_control"})
        for extra in block.keys() - allowed:
            raise bad(f"{where}.{kind}.{extra}: Extra inputs are not permitted")
        name, wanted = _REQUIRED[kind]
        if not isinstance(block.get(name), wanted):
            raise bad(f"{where}.{kind}.{name}: Field required")
        _check_value(kind, block, where)
        return dict(block)

    def seen(self, block: Json, where: str) -> Attachment | str:
        """An image, a document or a container's file."""
        kind = block["type"]
        if kind == "container_upload":
            if not self.executes:
                raise bad(f"{where}: container_upload blocks require the code execution tool")
            return self._stored(block["file_id"], None, where)
        source = block["source"]
        where = f"{where}.{kind}.source"
        types = IMAGES if kind == "image" else _DOCUMENTS
        match source.get("type"):
            case "file":
                return self._stored(source.get("file_id"), types, where)
            case "url":
                return _linked(source, kind, where)
            case "base64":
                return _encoded(source, IMAGES if kind == "image" else _DOCUMENTS[:1], kind, where)
            case "text" if kind == "document" and source.get("media_type") == "text/plain" and source.get("data"):
                return Attachment.of("document", "text/plain", str(source["data"]).encode())
        raise bad(f"{where}: Input tag '{source.get('type')}' does not match any of the expected tags")

    def _stored(self, file_id: Any, types: tuple[str, ...] | None, where: str) -> Attachment:
        if not self.access.files:
            raise bad(f"{where}: Input tag 'file' needs the beta of the Files API")
        file = self.store.get(self.access.workspace, str(file_id))
        if types is not None and file.mime_type not in types:
            raise bad(f"{where}: The file type '{file.mime_type}' does not match the content block: {', '.join(types)}")
        return Attachment(file.filename, file.mime_type, file.blob.size, file.sha256, file.blob.head)


def _check_value(kind: str, block: Json, where: str) -> None:
    if kind == "text" and not block["text"].strip():
        raise bad(f"{where}: text content blocks must contain non-whitespace text")
    if kind == "tool_use" and not _TOOL_ID.fullmatch(str(block.get("id"))):
        raise bad(f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    if kind == "thinking" and block["signature"] != signature(str(block.get("thinking"))):
        raise bad(f"{where}: Invalid `signature` in `thinking` block")
    mark = block.get("cache_control")
    if mark is not None and (not isinstance(mark, dict) or mark.get("type") != "ephemeral"):
        raise bad(f"{where}.{kind}.cache_control.type: Input should be 'ephemeral'")


def _linked(source: Json, kind: str, where: str) -> str:
    if source.keys() != {"type", "url"} or not str(source["url"]).startswith(("https://", "http://")):
        raise bad(f"{where}.url: Only HTTPS URLs are supported.")
    return f"{kind} at {source['url']}"


def _encoded(source: Json, types: tuple[str, ...], kind: str, where: str) -> Attachment:
    if source.get("media_type") not in types:
        raise bad(f"{where}.base64.media_type: Input should be {' or '.join(types)}")
    try:
        data = base64.b64decode(str(source.get("data")), validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad(f"{where}.base64: The {kind} was not valid base64 data") from error
    return Attachment.of(kind, source["media_type"], data)
