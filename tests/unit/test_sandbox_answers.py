"""What the stand-ins' model says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from managed_files.sandbox.answers import limited, tokens
from managed_files.sandbox.borders import at_odd_borders
from managed_files.sandbox.samples import sample

leaves = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.just({"type": ["string", "null"]}),
    st.builds(
        lambda low, more: {"type": "integer", "minimum": low, "maximum": low + more}, st.integers(), st.integers(0, 9)
    ),
    st.builds(lambda low: {"type": "number", "exclusiveMinimum": low}, st.integers(-99, 99)),
    st.builds(
        lambda low, more: {"type": "string", "minLength": low, "maxLength": low + more},
        st.integers(0, 9),
        st.integers(0, 9),
    ),
    st.builds(lambda values: {"enum": values}, st.lists(st.text(), min_size=1)),
    st.builds(lambda value: {"const": value}, st.integers()),
)


def nested(inner: st.SearchStrategy) -> st.SearchStrategy:
    names = st.dictionaries(st.text(max_size=5), inner, max_size=4)
    return st.one_of(
        st.builds(lambda item, low: {"type": "array", "items": item, "minItems": low}, inner, st.integers(0, 3)),
        st.builds(
            lambda known: {
                "type": "object",
                "properties": known,
                "required": list(known),
                "additionalProperties": False,
            },
            names,
        ),
        st.builds(lambda some: {"anyOf": some}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"$defs": {"part": part}, "type": "array", "items": {"$ref": "#/$defs/part"}}, leaves),
    )


@settings(deadline=None)
@given(
    leaves
    | nested(leaves)
    | st.recursive(leaves, nested, max_leaves=6).filter(lambda schema: "$ref" not in str(schema))
)
def test_samples_satisfy_their_schema(schema):
    Draft202012Validator(schema).validate(sample(schema, "filled"))


NODE = {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}}}


@pytest.mark.parametrize(
    "schema",
    [
        {"$defs": {"node": {**NODE, "required": ["next"]}}, "$ref": "#/$defs/node"},
        {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#"}}}, "required": ["kids"]},
        {"type": "object", "properties": {"next": {"$ref": "#"}}},
    ],
)
def test_a_schema_that_names_itself_has_an_end(schema):
    Draft202012Validator(schema).validate(sample(schema, "filled"))


def test_all_of_is_folded():
    schema = {"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"required": ["b"]}]}
    assert sample(schema, "text") == {"a": 0, "b": "text"}


def test_gemini_writes_types_in_capitals():
    schema = {"type": "OBJECT", "properties": {"a": {"type": "ARRAY", "items": {"type": "STRING"}}}}
    assert sample(schema, "text") == {"a": ["text"]}


@given(st.text())
def test_tokens_lose_nothing(text):
    assert "".join(tokens(text)) == text


@given(st.text(), st.integers(0, 5))
def test_limit_keeps_the_beginning(text, limit):
    said = limited(text, (), limit)
    assert (text.startswith(said.text), len(said.tokens) <= limit) == (True, True)


@given(st.lists(st.binary(min_size=1)))
def test_borders_change_no_byte(events):
    assert b"".join(at_odd_borders(iter(events))) == b"".join(events)
