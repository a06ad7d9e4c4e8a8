"""Tools: OpenAI's function tools, tool_choice and their deprecated forms to Mistral's. Its own kinds of tools pass."""

from typing import Any

from managed_files.dialects.shape import present, to_list, to_object
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

_NO_ARGUMENTS: Json = {"type": "object", "properties": {}}  # OpenAI's default; Mistral requires the field
_NOT_AT_MISTRAL = ("custom",)


def take_tools(fields: Json) -> Json:
    """Takes `tools`, `tool_choice` and the deprecated forms out of `fields`. Raises InvalidRequest."""
    tools = [_tool(present(tool, f"tools[{i}]"), f"tools[{i}]") for i, tool in _items(fields, "tools")]
    old = [_function_tool(to_object(item, f"functions[{i}]")) for i, item in _items(fields, "functions")]
    if tools and old:
        raise InvalidRequest("Send 'tools' or the deprecated 'functions', not both.", param="functions")
    choice, tools = _choice(_take_choice(fields), tools or old)
    return {**({"tools": tools} if tools else {}), **({} if choice is None else {"tool_choice": choice})}


def _items(fields: Json, name: str) -> Any:
    return enumerate(to_list(fields.pop(name, []), name))


def _tool(tool: Json, where: str) -> Json:
    if tool.get("type") in _NOT_AT_MISTRAL:
        raise Inexpressible(f"Mistral has no tools of type {tool['type']!r}.", param=f"{where}.type")
    return _function_tool(to_object(tool["function"], f"{where}.function")) if "function" in tool else tool


def _function_tool(function: Json) -> Json:
    given = {name: value for name, value in function.items() if value is not None}
    return {"type": "function", "function": {"parameters": _NO_ARGUMENTS, **given}}


def _take_choice(fields: Json) -> Any:
    deprecated = fields.pop("function_call", None)
    named = {"type": "function", "function": deprecated} if isinstance(deprecated, dict) else deprecated
    return fields.pop("tool_choice", named)


def _choice(choice: Any, tools: list[Json]) -> tuple[Any, list[Json]]:
    """Mistral's choice, and the tools that it leaves."""
    match choice:
        case {"type": "allowed_tools", "allowed_tools": {"mode": str(mode), "tools": list(allowed)}}:
            names = [_name(tool) for tool in allowed]
            return mode, [tool for tool in tools if _name(tool) in names]
        case {"type": "custom" | "allowed_tools"}:
            raise Inexpressible("Mistral cannot express this 'tool_choice'.", param="tool_choice")
        case _:
            return choice, tools


def _name(tool: Any) -> str | None:
    match tool:
        case {"function": {"name": str(name)}}:
            return name
        case _:
            return None
