"""Makes values that satisfy a JSON schema, in JSON Schema's spelling or Gemini's. Pure functions."""

from collections.abc import Mapping
from typing import Any

from managed_files.sandbox.answers import Json

_DEEP = 2  # references below one another, after which a schema that names itself is left by the shortest way
_BOTTOMLESS = 50


def sample(schema: Any, fill: str, root: Any = None, depth: int = 0) -> Any:
    """A value that satisfies the JSON schema; free strings are `fill`. Patterns are not solved.

    `depth`: references that led here from `root`.
    """
    root = schema if root is None else root
    if not isinstance(schema, Mapping) or depth > _BOTTOMLESS:
        return fill
    if "$ref" in schema:
        return sample(_resolve(root, schema["$ref"]), fill, root, depth + 1)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return sample({**schema, key: None, **_option(schema[key], depth)}, fill, root, depth)
    return _typed(_merged(schema, root), fill, root, depth)


def _option(options: Any, depth: int) -> Any:
    """The first; of a schema that names itself, one that does not go on."""
    ends = [option for option in options if "$ref" not in str(option)] if depth >= _DEEP else []
    return (ends or options)[0]


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


def _typed(schema: Json, fill: str, root: Any, depth: int) -> Any:
    kind = schema.get("type") or ("object" if "properties" in schema else "string")
    kind = str(kind[0] if isinstance(kind, list) else kind).lower()
    if kind == "object":
        return _object(schema, fill, root, depth)
    if kind == "array":
        items = [*schema.get("prefixItems", ())]
        least = int(schema.get("minItems", depth < _DEEP))
        items += [schema.get("items", {})] * (max(least, 0) - len(items))
        return [sample(item, fill, root, depth) for item in items]
    if kind in ("integer", "number"):
        return _number(schema, kind)
    if kind == "boolean":
        return True
    return None if kind == "null" else _string(schema, fill)


def _object(schema: Json, fill: str, root: Any, depth: int) -> Json:
    properties = schema.get("properties", {})
    names = schema.get("required") or (list(properties) if depth < _DEEP else ())
    return {name: sample(properties.get(name, {}), fill, root, depth) for name in dict.fromkeys(names)}


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
