"""Tools: OpenAI's function tools, tool_choice and their deprecated forms to toolConfig."""

from collections.abc import Sequence
from typing import Any

from managed_files.dialects.converse_cache import cache_point
from managed_files.dialects.shape import present, refuse_rest, to_list, to_object, to_text
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

_ANYTHING: Json = {"type": "object", "properties": {}}


def take_tools(fields: Json, called: Sequence[str]) -> Json:
    """Takes every field about tools out of `fields`; returns `toolConfig`, as far as needed.

    `called`: the functions that the conversation has called so far. Bedrock refuses a conversation with calls and no
    toolConfig, so without tools these are declared.
    """
    if fields.pop("parallel_tool_calls", True) is False:
        raise Inexpressible("Bedrock cannot be held to one call at a time.", param="parallel_tool_calls")
    functions = _take_functions(fields)
    choice = _take_choice(fields)
    specs = [_spec(function, where) for where, function in functions]
    if choice == "none":
        return _forbidden(called)
    mode, allowed = _mode(choice)
    if not specs and mode != "auto":
        raise InvalidRequest("'tool_choice' asks for a call, but there are no tools.", param="tool_choice")
    _check_known(allowed, specs)
    if allowed is not None and mode != "tool":
        specs = [(spec, cache) for spec, cache in specs if spec["name"] in allowed]
    tools = [block for spec, cache in specs for block in ({"toolSpec": spec}, *cache)] or _stand_ins(called)
    return {"toolConfig": {"tools": tools, **_tool_choice(mode, allowed)}} if tools else {}


def _take_functions(fields: Json) -> list[tuple[str, Json]]:
    """Every declared function, with the name of its place."""
    tools = enumerate(to_list(fields.pop("tools", []), "tools"))
    functions = [(f"tools[{i}].function", _unwrap(tool, f"tools[{i}]")) for i, tool in tools]
    deprecated = enumerate(to_list(fields.pop("functions", []), "functions"))
    old = [(f"functions[{i}]", present(function, f"functions[{i}]")) for i, function in deprecated]
    if functions and old:
        raise InvalidRequest("Send 'tools' or the deprecated 'functions', not both.", param="functions")
    return functions or old


def _unwrap(value: Any, where: str) -> Json:
    tool = present(value, where)
    if tool.pop("type", None) != "function":
        raise Inexpressible("Bedrock knows tools of type 'function' only.", param=f"{where}.type")
    function = present(tool.pop("function", None), f"{where}.function")
    if "cache_control" in tool:
        function["cache_control"] = tool.pop("cache_control")
    refuse_rest(tool, where, provider="Bedrock")
    return function


def _spec(function: Json, where: str) -> tuple[Json, list[Json]]:
    """A toolSpec, and the cache point that may follow it."""
    cache = cache_point(function, where)
    spec: Json = {"name": to_text(function.pop("name", None), f"{where}.name")}
    if description := to_text(function.pop("description", ""), f"{where}.description"):
        spec["description"] = description  # an empty one is refused
    spec["inputSchema"] = {"json": to_object(function.pop("parameters", _ANYTHING), f"{where}.parameters")}
    if function.pop("strict", False):
        spec["strict"] = True
    refuse_rest(function, where, provider="Bedrock")
    return spec, cache


def _take_choice(fields: Json) -> Any:
    deprecated = fields.pop("function_call", "auto")
    named = {"type": "function", "function": deprecated} if isinstance(deprecated, dict) else deprecated
    return fields.pop("tool_choice", named)


def _mode(choice: Any) -> tuple[str, list[str] | None]:
    """`auto`, `any` or `tool`, and the only functions that may be called (None: all). Some models know only `auto`."""
    match choice:
        case "auto":
            return "auto", None
        case "required":
            return "any", None
        case {"type": "function", "function": {"name": str(name)}}:
            return "tool", [name]
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": list(tools)}}:
            return {"auto": "auto", "required": "any"}[mode], [_allowed(tool, j) for j, tool in enumerate(tools)]
        case _:
            raise Inexpressible("Bedrock cannot express this 'tool_choice'.", param="tool_choice")


def _allowed(tool: Any, j: int) -> str:
    match tool:
        case {"type": "function", "function": {"name": str(name)}}:
            return name
        case _:
            raise InvalidRequest("It has to name a function.", param=f"tool_choice.allowed_tools.tools[{j}]")


def _check_known(allowed: list[str] | None, specs: list[tuple[Json, list[Json]]]) -> None:
    if allowed == []:
        raise InvalidRequest("'tool_choice' allows no tool at all; say \"none\".", param="tool_choice")
    known = {spec["name"] for spec, _ in specs}
    for name in allowed or ():
        if name not in known:
            raise InvalidRequest(f"'tool_choice' names {name!r}, which is not among the tools.", param="tool_choice")


def _forbidden(called: Sequence[str]) -> Json:
    """Converse has no "none": without toolConfig no call can be made, but after earlier calls there has to be one."""
    if called:
        raise Inexpressible("After earlier calls, Bedrock cannot forbid new ones.", param="tool_choice")
    return {}


def _stand_ins(called: Sequence[str]) -> list[Json]:
    return [{"toolSpec": {"name": name, "inputSchema": {"json": _ANYTHING}}} for name in called]


def _tool_choice(mode: str, allowed: list[str] | None) -> Json:
    """`auto` is left out, as some models know no other and refuse the field itself."""
    if mode == "auto":
        return {}
    return {"toolChoice": {"tool": {"name": allowed[0]}} if mode == "tool" and allowed else {"any": {}}}
