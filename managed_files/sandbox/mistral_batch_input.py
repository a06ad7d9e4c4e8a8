"""What Mistral checks in the input of a batch job before it runs a line. Source: its API description and guide."""

import json
from collections.abc import Iterable
from typing import Any


def count_checked(lines: Iterable[bytes]) -> int:
    """How many there are. Raises ValueError for an input that is no list of requests."""
    seen: set[str] = set()
    for number, text in enumerate(lines, 1):
        seen.add(_checked_id(text, number, seen))
    if not seen:
        raise ValueError("The input files hold no request.")
    return len(seen)


def _checked_id(text: bytes, number: int, seen: set[str]) -> str:
    """The line's custom id. Raises ValueError for what is no request."""
    try:
        line: Any = json.loads(text)
    except ValueError as error:
        raise ValueError(f"Line {number}: invalid JSON: {error}") from error
    if not isinstance(line, dict) or not isinstance(line.get("body"), dict):
        raise ValueError(f"Line {number}: `body` has to be an object.")
    custom_id = line.get("custom_id")
    if not isinstance(custom_id, str) or custom_id in seen:
        raise ValueError(f"Line {number}: `custom_id` has to be a text that no other line has.")
    if line.keys() - {"custom_id", "body"} or "model" in line["body"]:
        raise ValueError(f"Line {number}: a line has `custom_id` and a `body` without a model.")
    return custom_id
