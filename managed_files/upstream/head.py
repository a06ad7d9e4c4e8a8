"""The head of an answer from its text. Pure.

http.client hands every head to the email parser, which took a tenth of a whole chat request's CPU.
"""

import re
from collections.abc import Sequence
from http.client import BadStatusLine, HTTPException
from typing import NamedTuple

_MOST_LINES = 100
_FOLD = re.compile(r"\r?\n[ \t]+")  # a value that goes on in the next line (RFC 9112, 5.2)

Found = dict[str, tuple[str, str]]  # name and value by the name in lower case


class Head(NamedTuple):
    """`found`: the header fields, those that came more than once joined by commas (RFC 9110, 5.3)."""

    version: str
    status: int
    reason: str
    found: Found

    def value(self, name: str) -> str:
        """Of the field with this name, in lower case; "" without one."""
        return self.found[name][1] if name in self.found else ""


def parsed(head: bytes) -> Head:
    """`head`: everything up to the blank line, and that. Raises HTTPException."""
    lines = _FOLD.sub(" ", head.decode("latin-1")).split("\n")
    return Head(*_status(lines[0]), _fields(lines[1:-2]))  # but for the blank line, and the nothing behind it


def _status(line: str) -> tuple[str, int, str]:
    """Version, code and reason."""
    version, _, rest = line.strip().partition(" ")
    code, _, reason = rest.strip().partition(" ")
    if not version.startswith("HTTP/1.") or len(code) != 3 or not code.isdecimal() or code < "100":
        raise BadStatusLine(line)
    return version, int(code), reason.strip()


def _fields(lines: Sequence[str]) -> Found:
    if len(lines) > _MOST_LINES:
        raise HTTPException(f"more than {_MOST_LINES} header lines")
    found: Found = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise HTTPException("a header line without a colon")
        key, value = name.lower(), value.strip()
        found[key] = (name, f"{found[key][1]}, {value}" if key in found else value)
    return found
