"""Tools: OpenAI's function tools, tool_choice and their deprecated forms to Anthropic's; its own tools pass."""

from typing import Any

from managed_files.dialects.shape import present, refuse_rest, to_list, to_object, to_text
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

_OF_A_TOOL = ("cache_control", "defer_loading", "eager_input_streaming", "input_examples", "allowed_callers")
_TYPES = {"auto": "auto", "required": "any"}


def take_tools(fields: Json) -> Json:
    """Takes every field about tools out of `fields`; returns `tools` and `tool_choice`, as far as needed."""
    one_at_a_time = fields.pop("parallel_tool_calls", True) is False
    tools = _take_declared(fields)
    choice = _take_choice(fields)
    if not tools:
        if choice not in ("auto", "none"):
            raise InvalidRequest("'tool_choice' asks for a call, but there are no tools.", param="tool_choice")
        return {}
    wanted, names = _choice(choice)
    _check_known({wanted["name"]} if "name" in wanted else names, tools)
    if names is not None:
        tools = [tool for tool in tools if tool.get("name") in names]
    if one_at_a_time and wanted["type"] != "none":
        wanted["disable_parallel_tool_use"] = True
    return {"tools": tools, **({} if wanted == {"type": "auto"} else {"tool_choice": wanted})}


def _check_known(names: set[str] | None, tools: list[Json]) -> None:
    if names == set():
        raise InvalidRequest("'tool_choice' allows no tool at all; say \"none\".", param="tool_choice")
    if unknown := (names or set()) - {tool.get("name") for tool in tools}:
        raise InvalidRequest(f"'tool_choice' names {min(unknown)!r}, which is not a tool.", param="tool_choice")


def _take_declared(fields: Json) -> list[Json]:
    tools = enumerate(to_list(fields.pop("tools", []), "tools"))
    declared = [_tool(present(tool, f"tools[{i}]"), f"tools[{i}]") for i, tool in tools]
    deprecated = enumerate(to_list(fields.pop("functions", []), "functions"))
    old = [_declaration(present(function, f"functions[{i}]"), f"functions[{i}]") for i, function in deprecated]
    if declared and old:
        raise InvalidRequest("Send 'tools' or the deprecated 'functions', not both.", param="functions")
    return declared or old


def _tool(tool: Json, where: str) -> Json:
    """Any type but OpenAI's two is one of Anthropic's own tools, such as `web_search_20250305`."""
    kind = to_text(tool.get("type"), f"{where}.type")
    if kind == "custom":
        raise Inexpressible("Anthropic has no counterpart for OpenAI's custom tools.", param=f"{where}.type")
    if kind != "function":
        return tool
    del tool["type"]
    function = present(tool.pop("function", None), f"{where}.function")
    own = {key: tool.pop(key, function.pop(key, None)) for key in _OF_A_TOOL if key in tool or key in function}
    refuse_rest(tool, where, provider="Anthropic")
    return {**_declaration(function, f"{where}.function"), **own}


def _declaration(function: Json, where: str) -> Json:
    declaration: Json = {"name": to_text(function.pop("name", None), f"{where}.name")}
    if "description" in function:
        declaration["description"] = to_text(function.pop("description"), f"{where}.description")
    schema = to_object(function.pop("parameters", {}), f"{where}.parameters")
    declaration["input_schema"] = {"type": "object", **schema}
    if function.pop("strict", False):
        declaration["strict"] = True
    refuse_rest(function, where, provider="Anthropic")
    return declaration


def _take_choice(fields: Json) -> Any:
    deprecated = fields.pop("function_call", "auto")
    named = {"type": "function", "function": deprecated} if isinstance(deprecated, dict) else deprecated
    return fields.pop("tool_choice", named)


def _choice(choice: Any) -> tuple[Json, set[str] | None]:
    """Anthropic's tool_choice, and the names of the only tools that stay (None: all)."""
    match choice:
        case "none":
            return {"type": "none"}, None
        case "auto" | "required":
            return {"type": _TYPES[choice]}, None
        case {"type": "function", "function": {"name": str(name)}}:
            return {"type": "tool", "name": name}, None
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": [*tools]}}:
            return {"type": _TYPES[mode]}, {_allowed(tool, j) for j, tool in enumerate(tools)}
        case _:
            raise InvalidRequest("Anthropic cannot express this 'tool_choice'.", param="tool_choice")


def _allowed(tool: Any, j: int) -> str:
    match tool:
        case {"type": "function", "function": {"name": str(name)}}:
            return name
        case _:
            raise InvalidRequest("It has to name a function.", param=f"tool_choice.allowed_tools.tools[{j}]")
