"""Which JSON Schemas Gemini takes. Wire facts: `response_json_schema` in the types of google-genai 3.4."""

from collections.abc import Iterator
from typing import Any

from managed_files.sandbox.answers import Json
from managed_files.sandbox.google_errors import invalid

_SEVERAL = ("anyOf", "oneOf", "prefixItems")
_NAMED = ("properties", "$defs")


def check_json_schema(schema: Any, what: str) -> None:
    """Raises a 400. Words that Gemini does not know are passed over, as its own documentation has it."""
    try:
        _check_references(schema, what)
        _check_ends(schema, what)
    except (TypeError, AttributeError) as error:
        raise invalid(f"{what} is not a JSON Schema.") from error


def _check_references(schema: Any, what: str) -> None:
    waiting = [schema]
    for node in waiting:  # which grows on the way
        if not isinstance(node, dict):
            continue
        if "$ref" in node:
            if beside := [word for word in node if not word.startswith("$")]:
                raise invalid(f"{what}: a schema with $ref can set nothing else, but has {', '.join(beside)}.")
            if _named(schema, node["$ref"]) is None:
                raise invalid(f"{what}: reference to undefined schema: {node['$ref']}")
        waiting += _below(node)
        waiting += [inner for word in _NAMED for inner in (node.get(word) or {}).values()]


def _check_ends(schema: Any, what: str) -> None:
    """A schema that names itself has to do so in a property that is not required; that it may be null is not enough."""
    open_nodes, done = set[int](), set[int]()
    waiting: list[tuple[Any, bool]] = [(schema, True)]
    while waiting:
        node, entering = waiting.pop()
        if not entering:
            open_nodes.discard(id(node))
            done.add(id(node))
        elif id(node) in open_nodes:
            raise invalid(f"{what}: a cyclic reference is only allowed in a property that is not required.")
        elif isinstance(node, dict) and id(node) not in done:
            open_nodes.add(id(node))
            properties = node.get("properties") or {}
            needed = [properties[name] for name in node.get("required") or () if name in properties]
            named = [_named(schema, node["$ref"])] if "$ref" in node else []
            waiting += [(node, False), *((inner, True) for inner in (*named, *needed, *_below(node)))]


def _below(node: Json) -> Iterator[Any]:
    yield from (node[word] for word in ("items", "additionalProperties") if isinstance(node.get(word), dict))
    for word in _SEVERAL:
        yield from node.get(word) or ()


def _named(schema: Any, reference: Any) -> Any:
    """What `#`, `#/$defs/name` and the like name; None for nothing."""
    steps = str(reference).removeprefix("#").split("/")[1:]
    if not str(reference).startswith("#"):
        return None
    for step in steps:
        schema = schema.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(schema, dict) else None
    return schema
