"""Writes JSON as providers do. Pure."""

import json
import re
from typing import Any

_HALF = re.compile("[\ud800-\udfff]")  # of a surrogate pair, which JSON can say and UTF-8 cannot


def compact(content: Any, indent: int | None = None) -> bytes:
    """JSON as providers write it: text as it is, without spaces unless it is indented. Halves of pairs stay escapes."""
    text = json.dumps(content, indent=indent, separators=(",", ": " if indent else ":"), ensure_ascii=False)
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text).encode()
