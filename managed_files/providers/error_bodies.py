"""Reads what a provider says in the body of an error, whatever its shape. Pure.

OpenAI wraps `{"error": {…}}`; Google may put that into a one-element array; Azure's front door and older servers leave
the wrapper out; others give `error` as a text; FastAPI says `{"detail": …}`; object stores answer XML or plain text.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_XML_MESSAGE = re.compile(r"<Message>([^<]+)</Message>")
_LONGEST_MESSAGE = 600


def read(body: bytes) -> tuple[Mapping[str, Any], str]:
    """The error's fields (none, if the body has no such thing) and its message on one line, "" if there is none."""
    answer = _parsed(body)
    fields = _fields(answer)
    text = _message(answer, fields) if isinstance(answer, dict) else _plain(body.decode("utf-8", "replace"))
    return fields, " ".join(text.split())[:_LONGEST_MESSAGE]


def details(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Google's `details`: RetryInfo, ErrorInfo and the like."""
    found = fields.get("details")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _parsed(body: bytes) -> Any:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer[0] if isinstance(answer, list) and len(answer) == 1 else answer


def _fields(answer: Any) -> Mapping[str, Any]:
    if not isinstance(answer, dict):
        return {}
    error = answer.get("error", answer)
    return error if isinstance(error, dict) else answer


def _message(answer: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    names = ("message", "Message", "error_description", "error")
    said = [fields[name] for name in names if isinstance(fields.get(name), str) and fields[name]]
    return said[0] if said else _detail(answer.get("detail"))


def _detail(detail: Any) -> str:
    """FastAPI's `detail`: a text, or a list of `{loc, msg}`."""
    if isinstance(detail, list):
        found = [item for item in detail if isinstance(item, dict)]
        return "; ".join(f"{_path(item.get('loc'))}: {item.get('msg')}" for item in found)
    return detail if isinstance(detail, str) else ""


def _path(location: Any) -> str:
    return ".".join(map(str, location)) if isinstance(location, list) else str(location)


def _plain(text: str) -> str:
    if found := _XML_MESSAGE.search(text):
        return found[1]
    return "" if text.lstrip().startswith("<") else text  # a proxy's HTML page helps nobody
