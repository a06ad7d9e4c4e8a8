"""Tools: OpenAI's function tools, tool_choice and their deprecated forms to Anthropic's; its own tools pass."""

from typing import Any

from managed_files.dialects import tools
from managed_files.dialects.shape import present, refuse_rest, to_object, to_text
from managed_files.dialects.tools import Choice
from managed_files.errors import Inexpressible

Json = dict[str, Any]

_OF_A_TOOL = ("cache_control", "defer_loading", "eager_input_streaming", "input_examples", "allowed_callers")


def take_tools(fields: Json) -> Json:
    """Takes every field about tools out of `fields`; returns `tools` and `tool_choice`, as far as needed."""
    one_at_a_time = fields.pop("parallel_tool_calls", True) is False
    declared = tools.take_tools(fields, _tool, _declaration)
    choice = tools.take_choice(fields, "Anthropic")
    choice.check([tool.get("name") for tool in declared])
    if not declared:
        return {}
    if choice.mode != "one":
        declared = [tool for tool in declared if choice.leaves(tool.get("name"))]
    wanted = _wanted(choice)
    if one_at_a_time and wanted["type"] != "none":
        wanted["disable_parallel_tool_use"] = True
    return {"tools": declared, **({} if wanted == {"type": "auto"} else {"tool_choice": wanted})}


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


def _wanted(choice: Choice) -> Json:
    match choice:
        case Choice("one", (name,)):
            return {"type": "tool", "name": name}
        case Choice("required"):
            return {"type": "any"}
        case _:
            return {"type": choice.mode}
