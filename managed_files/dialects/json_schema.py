"""Every schema within a JSON Schema, for dialects that say some of them otherwise. Pure."""

from collections.abc import Callable
from typing import Any

Json = dict[str, Any]

_ONE = ("items", "additionalProperties", "not")  # keywords that hold a schema, a list of schemas, schemas by name
_SEVERAL = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "$defs", "definitions")


def reworded(schema: Json, reword: Callable[[Json], Json]) -> Json:
    """A copy in which each schema is what `reword` makes of it: a fresh dict, told before those within it.

    A loop, as JSON may be nested a thousand deep.
    """
    holder: Json = {"": schema}
    waiting: list[tuple[Any, Any]] = [(holder, "")]
    for place, key in waiting:  # which grows on the way
        if not isinstance(place[key], dict):
            continue
        here = place[key] = reword(place[key])
        waiting += [(here, name) for name in _ONE if name in here]
        for name in _SEVERAL:
            if isinstance(here.get(name), list):
                here[name] = [*here[name]]
                waiting += [(here[name], i) for i in range(len(here[name]))]
        for name in _NAMED:
            if isinstance(here.get(name), dict):
                here[name] = {**here[name]}
                waiting += [(here[name], inner) for inner in here[name]]
    result: Json = holder[""]
    return result
