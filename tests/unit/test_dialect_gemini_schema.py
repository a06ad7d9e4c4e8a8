"""JSON Schemas for Gemini: other words for the same values."""

from typing import Any

import pytest

from managed_files.dialects.gemini_schema import for_gemini

Json = dict[str, Any]
REF = {"$ref": "#/$defs/a"}
UNCHANGED: list[Json] = [
    {},
    {"type": "object", "properties": {"a": REF}, "$defs": {"a": {"type": ["string", "null"]}}},
    {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "#/$defs/a", "$defs": {"a": {}}},
    {"type": "object", "properties": {"const": {"type": "string"}, "$ref": {}, "definitions": {}}},
    {"enum": [{"const": "x"}], "default": {"$ref": "#", "a": 1}, "const": True},
    {"anyOf": [REF], "allOf": [{}]},
    {"allOf": [{}, {}], "items": False, "additionalProperties": True},
    {"definitions": {}, "$defs": 5},
    {"properties": 5, "anyOf": "x", "items": [1], "$defs": None, "$ref": 5},
]


@pytest.mark.parametrize("schema", UNCHANGED, ids=str)
def test_what_gemini_reads_stays(schema: Json) -> None:
    before = repr(schema)
    assert (for_gemini(schema), repr(schema)) == (schema, before)


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({**REF, "description": "d"}, {"description": "d", "anyOf": [REF]}),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"const": 0}, {"enum": [0]}),
        ({"allOf": [REF], "default": None}, {"anyOf": [REF], "default": None}),
    ],
)
@pytest.mark.parametrize(
    "within",
    [
        lambda schema: schema,
        lambda schema: {"type": "object", "properties": {"const": schema}},
        lambda schema: {"type": "array", "items": schema, "prefixItems": [schema]},
        lambda schema: {"anyOf": [{"additionalProperties": schema}, {"type": "null"}]},
        lambda schema: {"$defs": {"b": schema}},
    ],
)
def test_what_it_calls_otherwise_is_said_so(within: Any, schema: Json, told: Json) -> None:
    assert for_gemini(within(schema)) == within(told)


def test_definitions_by_their_older_name() -> None:
    schema = {"definitions": {"a": {"const": "x"}}, "properties": {"definitions": {"$ref": "#/definitions/a"}}}
    assert for_gemini(schema) == {"$defs": {"a": {"enum": ["x"]}}, "properties": {"definitions": REF}}


def test_depth_is_no_matter() -> None:
    schema: Json = {"const": "x"}
    for _ in range(5000):
        schema = {"items": schema}
    told = for_gemini(schema)
    while "items" in told:
        told = told["items"]
    assert told == {"enum": ["x"]}
