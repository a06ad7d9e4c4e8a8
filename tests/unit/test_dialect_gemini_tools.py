"""Tools and tool choice for Gemini, in all their forms."""

from typing import Any

import pytest
from google.genai import types

from managed_files.dialects.gemini_tools import take_tools
from managed_files.errors import InvalidRequest

Json = dict[str, Any]
SCHEMA = {"type": "object", "properties": {"x": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"type": "integer"}}}


def tool(name: str, **more: Any) -> Json:
    return {"type": "function", "function": {"name": name, **more}}


def taken(**fields: Any) -> Json:
    translated = take_tools(fields)
    types.GenerateContentConfig.model_validate(translated)
    return translated


def choice(value: Any, *, strict: bool = False) -> tuple[list[str], Json]:
    """The declared names and the calling config for tools a and b."""
    translated = taken(tools=[tool("a", strict=strict), tool("b")], tool_choice=value)
    names = [declaration["name"] for declaration in translated["tools"][0]["functionDeclarations"]]
    return names, translated.get("toolConfig", {}).get("functionCallingConfig", {})


def allowed(mode: str, *names: str) -> Json:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [tool(name) for name in names]}}


def test_declaration() -> None:
    fields = tool("f", description="d", parameters=SCHEMA, strict=False)
    assert taken(tools=[fields, tool("g", description=None, parameters={})]) == {
        "tools": [
            {"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": SCHEMA}, {"name": "g"}]}
        ]
    }


def test_deprecated_functions() -> None:
    assert taken(functions=[{"name": "f"}], function_call={"name": "f"}) == {
        "tools": [{"functionDeclarations": [{"name": "f"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    }


@pytest.mark.parametrize(
    ("value", "names", "config"),
    [
        ("auto", ["a", "b"], {}),
        ("none", ["a", "b"], {"mode": "NONE"}),
        ("required", ["a", "b"], {"mode": "ANY"}),
        (tool("b"), ["a", "b"], {"mode": "ANY", "allowedFunctionNames": ["b"]}),
        (allowed("required", "b", "a"), ["a", "b"], {"mode": "ANY", "allowedFunctionNames": ["b", "a"]}),
        (allowed("auto", "b"), ["b"], {}),
    ],
)
def test_choice(value: Any, names: list[str], config: Json) -> None:
    assert choice(value) == (names, config)


@pytest.mark.parametrize(
    ("value", "config"), [("auto", {"mode": "VALIDATED"}), ("required", {"mode": "ANY"}), ("none", {"mode": "NONE"})]
)
def test_strict_holds_the_model_to_the_schema(value: str, config: Json) -> None:
    assert choice(value, strict=True) == (["a", "b"], config)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
        ({"tools": [tool("a"), {"type": "function"}]}, "tools[1].function"),
        ({"tools": [tool("a", parameters="x")]}, "tools[0].function.parameters"),
        ({"tools": [tool("a", examples=[1])]}, "tools[0].function.examples"),
        ({"tools": [{**tool("a"), "defer": True}]}, "tools[0].defer"),
        ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
        ({"tools": {}}, "tools"),
        ({"functions": [{"name": 1}]}, "functions[0].name"),
        ({"tools": [tool("a")], "functions": [{"name": "b"}]}, "functions"),
        ({"tools": [tool("a")], "tool_choice": tool("z")}, "tool_choice"),
        ({"tools": [tool("a")], "tool_choice": allowed("auto", "z")}, "tool_choice"),
        ({"tools": [tool("a")], "tool_choice": allowed("required")}, "tool_choice"),
        ({"tools": [tool("a")], "tool_choice": {"type": "custom", "custom": {"name": "a"}}}, "tool_choice"),
        ({"tools": [tool("a")], "tool_choice": "sometimes"}, "tool_choice"),
        (
            {
                "tools": [tool("a")],
                "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "mcp"}]}},
            },
            "tool_choice.allowed_tools.tools[0]",
        ),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls"),
    ],
)
def test_refused_with_the_name_of_the_field(fields: Json, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        taken(**fields)
    assert caught.value.param == param
