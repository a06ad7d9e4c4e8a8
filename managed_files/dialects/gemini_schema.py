"""JSON Schema as Gemini reads it: what it knows under another word is said in that word. Pure.

Source: `response_json_schema` in the types of google-genai 3.4. Gemini reads `$defs`, `$ref` without anything beside
it, `anyOf`, and `enum` of texts and numbers; `definitions`, `const` and `allOf` are not among the words that it lists.
"""

from typing import Any

Json = dict[str, Any]

_ONE = ("items", "additionalProperties", "not")  # keywords that hold a schema, a list of schemas, schemas by name
_SEVERAL = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "patternProperties", "$defs")


def for_gemini(schema: Json) -> Json:
    """A copy that allows the same values. A loop, as JSON may be nested a thousand deep."""
    holder: Json = {"": {**schema, **_definitions(schema)}}
    holder[""].pop("definitions", None)
    waiting: list[tuple[Any, Any]] = [(holder, "")]
    for place, key in waiting:  # which grows on the way
        if not isinstance(place[key], dict):
            continue
        here = place[key] = _reworded(place[key])
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


def _definitions(schema: Json) -> Json:
    """Of the root, as older drafts of JSON Schema, and many libraries still, call them."""
    old = schema.get("definitions")
    return {"$defs": {**old, **(schema.get("$defs") or {})}} if isinstance(old, dict) else {}


def _reworded(schema: Json) -> Json:
    schema = {**schema}
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#/definitions/"):
        schema["$ref"] = reference.replace("definitions", "$defs", 1)
    if "$ref" in schema and "anyOf" not in schema and any(not word.startswith("$") for word in schema):
        schema["anyOf"] = [{"$ref": schema.pop("$ref")}]
    if type(schema.get("const")) in (str, int, float) and "enum" not in schema:
        schema["enum"] = [schema.pop("const")]
    parts = schema.get("allOf")
    if isinstance(parts, list) and len(parts) == 1 and "anyOf" not in schema:
        schema["anyOf"] = schema.pop("allOf")
    return schema
