"""What an upload form asks for, apart from the file: purpose, targets, expiry. Pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from managed_files.errors import InvalidRequest
from managed_files.records import FormField

PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
MIN_EXPIRY, MAX_EXPIRY = 3600, 2_592_000

_TARGETS = re.compile(r"target_model_names(\[\d*\])?")
_ANCHOR, _SECONDS = "expires_after[anchor]", "expires_after[seconds]"
_Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class UploadFields:
    """`targets` in the order given, each once. `expires_after`: seconds from creation."""

    purpose: str | None
    targets: tuple[str, ...]
    expires_after: int | None


def parse_fields(
    fields: Sequence[FormField], query: Mapping[str, Sequence[str]], *, complete: bool = True
) -> UploadFields:
    """Reads form fields and query parameters as one list. Raises InvalidRequest naming the field.

    `complete=False`: more fields may follow, so what is missing is no error yet.
    """
    pairs = [(field.name, field.value) for field in fields]
    pairs += [(name, value) for name, values in query.items() for value in values]
    return UploadFields(
        purpose=_purpose(pairs, complete),
        targets=_targets(pairs),
        expires_after=_expires_after(pairs, complete),
    )


def _one(pairs: _Pairs, name: str) -> str | None:
    values = {value for key, value in pairs if key == name}
    if len(values) > 1:
        raise InvalidRequest(f"'{name}' is given more than once, with different values.", param=name)
    return values.pop() if values else None


def _purpose(pairs: _Pairs, complete: bool) -> str | None:
    purpose = _one(pairs, "purpose")
    if purpose in PURPOSES or (purpose is None and not complete):
        return purpose
    said = "'purpose' is missing" if purpose is None else f"{purpose[:100]!r} is not a purpose"
    raise InvalidRequest(f"{said}. Give one of: {', '.join(PURPOSES)}.", param="purpose")


def _targets(pairs: _Pairs) -> tuple[str, ...]:
    names = [name for key, value in pairs if _TARGETS.fullmatch(key) for name in _split(value)]
    return tuple(dict.fromkeys(names))


def _split(value: str) -> list[str]:
    """Names between commas, or the strings of a JSON list."""
    names = value.split(",")
    if value.lstrip().startswith("["):
        names = _json_list(value)
    return [stripped for name in names if (stripped := name.strip())]


def _json_list(value: str) -> list[str]:
    try:
        names = json.loads(value)
    except (ValueError, RecursionError):
        names = None
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    raise InvalidRequest(
        "'target_model_names' looks like a JSON list but is not a list of strings.", param="target_model_names"
    )


def _expires_after(pairs: _Pairs, complete: bool) -> int | None:
    """https://platform.openai.com/docs/api-reference/files/create: both halves, an hour to thirty days."""
    if _one(pairs, "expires_after") is not None:
        raise InvalidRequest(f"Give '{_ANCHOR}' and '{_SECONDS}' as two fields.", param="expires_after")
    anchor, seconds = _one(pairs, _ANCHOR), _one(pairs, _SECONDS)
    if anchor not in (None, "created_at"):
        raise InvalidRequest(f"'{_ANCHOR}' can only be 'created_at'.", param=_ANCHOR)
    expiry = None if seconds is None else _seconds(seconds)
    if (anchor is None) == (seconds is None):
        return expiry
    if not complete:
        return None
    missing = _ANCHOR if anchor is None else _SECONDS
    raise InvalidRequest(f"'{missing}' is missing: 'expires_after' needs both an anchor and seconds.", param=missing)


def _seconds(text: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", text) and MIN_EXPIRY <= int(text) <= MAX_EXPIRY:
        return int(text)
    raise InvalidRequest(
        f"'{_SECONDS}' must be a whole number of seconds from {MIN_EXPIRY} to {MAX_EXPIRY}.", param=_SECONDS
    )
