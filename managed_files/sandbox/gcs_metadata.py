"""Checks of what an upload to Cloud Storage says about its object."""

import json
import re
from typing import Any

from managed_files.sandbox.google_errors import storage_refused

OCTETS = "application/octet-stream"


def object_name(name: Any) -> str:
    """Object names are 1 to 1,024 bytes of UTF-8 without line ends."""
    if not isinstance(name, str) or not name:
        raise storage_refused(400, "Required object name is missing.")
    if len(name.encode()) > 1024 or re.search(r"[\r\n]", name) or name in (".", ".."):
        raise storage_refused(400, f"Invalid object name: {name[:80]!r}")
    return name


def object_metadata(data: bytes) -> dict[str, Any]:
    """The metadata of an object from its JSON; no bytes are none. Raises a 400."""
    try:
        meta = json.loads(data) if data else {}
    except ValueError as error:
        raise storage_refused(400, "Parse Error") from error
    if not isinstance(meta, dict):
        raise storage_refused(400, "Parse Error")
    custom = meta.get("metadata", {})
    if not isinstance(custom, dict) or not all(isinstance(value, str) for value in custom.values()):
        raise storage_refused(400, "Invalid value for: metadata")
    return meta
