"""JSON Schema as Gemini reads it: what it knows under another word is said in that word. Pure.

Source: `response_json_schema` in the types of google-genai 3.4. Gemini reads `$defs`, `$ref` without anything beside
it, `anyOf`, and `enum` of texts and numbers; `definitions`, `const` and `allOf` are not among the words that it lists.
"""

from typing import Any

from managed_files.dialects.json_schema import reworded

Json = dict[str, Any]


def for_gemini(schema: Json) -> Json:
    """A copy that allows the same values."""
    return reworded(_with_defs(schema), _reworded)


def _with_defs(schema: Json) -> Json:
    """The root, whose definitions have another name in older drafts of JSON Schema, and many libraries still."""
    old, new = schema.get("definitions"), schema.get("$defs", {})
    if not isinstance(old, dict) or not isinstance(new, dict):
        return schema
    rest = {word: value for word, value in schema.items() if word != "definitions"}
    return {**rest, "$defs": {**old, **new}}


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
