"""What a stand-in's model says: made from the real input, so that an answer proves what arrived. Pure functions."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_HEAD_SHOWN = 48


@dataclass(frozen=True)
class Attachment:
    """A file as the model sees it. `head`: its first bytes."""

    name: str
    mime_type: str
    size: int
    sha256: str
    head: bytes

    @classmethod
    def of(cls, name: str, mime_type: str, data: bytes) -> "Attachment":
        return cls(name, mime_type, len(data), hashlib.sha256(data).hexdigest(), data[:1024])

    def __str__(self) -> str:
        begins = self.head[:_HEAD_SHOWN].decode("ascii", "replace").replace("\ufffd", "?")
        shown = "".join(letter if letter.isprintable() else " " for letter in begins)
        return f"{self.name}: {self.mime_type}, {self.size} bytes, sha256 {self.sha256}; it begins: {shown}"


@dataclass(frozen=True)
class Prompt:
    """What one chat request asks. `seen`: attachments and links in order; `results`: what tools answered last."""

    text: str
    seen: Sequence[Attachment | str] = ()
    results: Sequence[str] = ()


@dataclass(frozen=True)
class Tool:
    """A function that the model may call; `schema` is the JSON schema of its arguments."""

    name: str
    schema: Json


def say(prompt: Prompt) -> str:
    """One line a file, then what tools said, then the user's own words."""
    lines = [str(item) for item in prompt.seen]
    lines += [f"The tool answered: {result}" for result in prompt.results]
    return "\n".join([*lines, f"You said: {prompt.text}"])


def tokens(text: str) -> list[str]:
    """Words with the space before them: the stand-in's tokens. Joined they are the text."""
    return re.findall(r"\s*\S+|\s+$", text)


@dataclass(frozen=True)
class Said:
    """A finished text. `cut` tells why it ended: "stop", or "length" when the token limit was reached."""

    tokens: list[str]
    cut: str

    @property
    def text(self) -> str:
        return "".join(self.tokens)


def limited(text: str, stop: Sequence[str], limit: int | None) -> Said:
    """The text up to the first stop sequence and at most `limit` tokens."""
    ends = [text.find(word) for word in stop if word and word in text]
    words = tokens(text[: min(ends)] if ends else text)
    if limit is not None and len(words) > limit:
        return Said(words[:limit], "length")
    return Said(words, "stop")


def wanted_tool(mode: str, allowed: Sequence[Tool], prompt: Prompt) -> list[Tool]:
    """The tools to call: with "any" those the text names or else the first, with "auto" those it names.

    After a tool's answer "auto" talks instead of calling again.
    """
    named = [tool for tool in allowed if tool.name in prompt.text]
    if mode == "any":
        return named or list(allowed[:1])
    return named if mode == "auto" and not prompt.results else []


def sample(schema: Any, fill: str, root: Any = None) -> Any:
    """A value that satisfies the JSON schema; free strings are `fill`. Patterns are not solved."""
    root = schema if root is None else root
    if not isinstance(schema, Mapping):
        return fill
    if "$ref" in schema:
        return sample(_resolve(root, schema["$ref"]), fill, root)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return sample({**schema, key: None, **schema[key][0]}, fill, root)
    return _typed(_merged(schema, root), fill, root)


def _resolve(root: Any, reference: str) -> Any:
    for name in reference.removeprefix("#/").split("/"):
        root = root if name in ("#", "") else root[name.replace("~1", "/").replace("~0", "~")]
    return root


def _merged(schema: Mapping[str, Any], root: Any) -> Json:
    """The schema with its `allOf` folded in."""
    merged = dict(schema)
    for part in merged.pop("allOf", None) or ():
        known = _merged(_resolve(root, part["$ref"]) if "$ref" in part else part, root)
        merged = {
            **merged,
            **known,
            "properties": {**merged.get("properties", {}), **known.get("properties", {})},
            "required": [*merged.get("required", ()), *known.get("required", ())],
        }
    return merged


def _typed(schema: Json, fill: str, root: Any) -> Any:
    kind = schema.get("type") or ("object" if "properties" in schema else "string")
    kind = str(kind[0] if isinstance(kind, list) else kind).lower()
    if kind == "object":
        return _object(schema, fill, root)
    if kind == "array":
        items = [*schema.get("prefixItems", ())]
        items += [schema.get("items", {})] * (max(int(schema.get("minItems", 1)), 0) - len(items))
        return [sample(item, fill, root) for item in items]
    if kind in ("integer", "number"):
        return _number(schema, kind)
    if kind == "boolean":
        return True
    return None if kind == "null" else _string(schema, fill)


def _object(schema: Json, fill: str, root: Any) -> Json:
    properties = schema.get("properties", {})
    names = schema.get("required") or list(properties)
    return {name: sample(properties.get(name, {}), fill, root) for name in dict.fromkeys(names)}


def _number(schema: Json, kind: str) -> float:
    step: float = schema.get("multipleOf", 1)
    low: float = schema.get("exclusiveMinimum", 0)
    low = schema.get("minimum", low)
    value = -(-low // step) * step
    if "exclusiveMinimum" in schema and value <= low:
        value += step
    high: float = schema.get("exclusiveMaximum", value)
    high = schema.get("maximum", high)
    if value > high:
        value = (low + high) / 2 if low <= high else high
    return int(value) if kind == "integer" else value


_FORMATS = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "email": "someone@example.com",
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
    "uri": "https://example.com/",
}


def _string(schema: Json, fill: str) -> str:
    text = _FORMATS.get(schema.get("format", ""), fill)
    return text.ljust(int(schema.get("minLength", 0)), ".")[: schema.get("maxLength")]
