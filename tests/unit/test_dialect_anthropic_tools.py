"""Tools for Claude: declarations, choices, and Anthropic's own tools."""

from typing import Any

import pytest

from managed_files.errors import Inexpressible, InvalidRequest
from tests.anthropic_requests import Json, translate

PARAMETERS = {"type": "object", "properties": {"x": {"type": "integer"}}}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}


def tool(name: str = "f", **more: Any) -> Json:
    return {"type": "function", "function": {"name": name, **more}}


def declared(name: str = "f") -> Json:
    return {"name": name, "input_schema": {"type": "object"}}


def tools(**fields: Any) -> Json:
    request = translate(fields)
    return {key: request[key] for key in ("tools", "tool_choice") if key in request}


def refused(**fields: Any) -> tuple[str | None, type[InvalidRequest]]:
    with pytest.raises(InvalidRequest) as caught:
        translate(fields)
    return caught.value.param, type(caught.value)


def test_a_declaration() -> None:
    full = tool(description="d", parameters=PARAMETERS, strict=True)
    expected = {"name": "f", "description": "d", "input_schema": PARAMETERS, "strict": True}
    assert tools(tools=[full, tool("g", strict=False)]) == {"tools": [expected, declared("g")]}


def test_anthropics_own_keys_and_tools_pass() -> None:
    marked = {**tool(defer_loading=True), "cache_control": {"type": "ephemeral"}}
    expected = {**declared(), "cache_control": {"type": "ephemeral"}, "defer_loading": True}
    assert tools(tools=[marked, SEARCH]) == {"tools": [expected, SEARCH]}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", {}),
        ("none", {"tool_choice": {"type": "none"}}),
        ("required", {"tool_choice": {"type": "any"}}),
        ({"type": "function", "function": {"name": "f"}}, {"tool_choice": {"type": "tool", "name": "f"}}),
    ],
)
def test_a_choice(choice: Any, expected: Json) -> None:
    assert tools(tools=[tool()], tool_choice=choice) == {"tools": [declared()], **expected}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("auto", {"type": "auto", "disable_parallel_tool_use": True}),
        ("required", {"type": "any", "disable_parallel_tool_use": True}),
        ("none", {"type": "none"}),
    ],
)
def test_one_call_at_a_time(choice: str, expected: Json) -> None:
    assert tools(tools=[tool()], tool_choice=choice, parallel_tool_calls=False)["tool_choice"] == expected


@pytest.mark.parametrize(("mode", "expected"), [("auto", {}), ("required", {"tool_choice": {"type": "any"}})])
def test_only_the_allowed_tools_stay(mode: str, expected: Json) -> None:
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [tool("g")]}}
    assert tools(tools=[tool("f"), tool("g")], tool_choice=choice) == {"tools": [declared("g")], **expected}


def test_the_deprecated_form() -> None:
    assert tools(functions=[{"name": "f"}], function_call={"name": "f"}) == {
        "tools": [declared()],
        "tool_choice": {"type": "tool", "name": "f"},
    }


@pytest.mark.parametrize(
    ("fields", "param", "kind"),
    [
        ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "tools[0].type", Inexpressible),
        ({"tools": [{**tool(), "more": 1}]}, "tools[0].more", Inexpressible),
        ({"tools": [tool(more=1)]}, "tools[0].function.more", Inexpressible),
        ({"tools": [{"type": "function"}]}, "tools[0].function", InvalidRequest),
        ({"tools": [tool(parameters="x")]}, "tools[0].function.parameters", InvalidRequest),
        ({"tools": [{}]}, "tools[0].type", InvalidRequest),
        ({"tools": [tool()], "functions": [{"name": "g"}]}, "functions", InvalidRequest),
        ({"tool_choice": "required"}, "tool_choice", InvalidRequest),
        ({"tools": [tool()], "tool_choice": "sometimes"}, "tool_choice", Inexpressible),
        ({"tools": [tool()], "tool_choice": {"type": "function", "function": {"name": "g"}}}, "tool_choice",
         InvalidRequest),
        ({"tools": [tool()], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}},
         "tool_choice", InvalidRequest),
        ({"tools": [tool()], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [5]}}},
         "tool_choice.allowed_tools.tools[0]", InvalidRequest),
    ],
)  # fmt: skip
def test_refused_with_the_name_of_the_place(fields: Json, param: str, kind: type) -> None:
    assert refused(**fields) == (param, kind)
