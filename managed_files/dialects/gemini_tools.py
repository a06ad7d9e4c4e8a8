"""Tools: OpenAI's function tools, tool_choice and their deprecated forms to functionDeclarations and toolConfig."""

from typing import Any

from managed_files.dialects.shape import present, refuse_rest, to_list, to_object, to_text
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]


def take_tools(fields: Json) -> Json:
    """Takes every field about tools out of `fields`; returns `tools` and `toolConfig`, as far as needed.

    `strict` is kept: where the model may choose, mode VALIDATED holds it to the schemas (ANY does so by itself).
    """
    if fields.pop("parallel_tool_calls", True) is False:
        raise Inexpressible("Gemini cannot be held to one call at a time.", param="parallel_tool_calls")
    functions = _take_functions(fields)
    choice = _take_choice(fields)
    if not functions:
        if choice not in ("auto", "none"):
            raise InvalidRequest("'tool_choice' asks for a call, but there are no tools.", param="tool_choice")
        return {}
    mode, names = _mode(choice)
    strict = [function.pop("strict", False) for _, function in functions]
    declarations = [_declaration(function, where) for where, function in functions]
    _check_known(names, declarations)
    if mode == "AUTO" and names is not None:  # Gemini reads allowedFunctionNames in mode ANY only
        declarations = [declaration for declaration in declarations if declaration["name"] in names]
    config: Json = {"mode": "VALIDATED" if mode == "AUTO" and any(strict) else mode}
    if mode == "ANY" and names is not None:
        config["allowedFunctionNames"] = names
    return {
        "tools": [{"functionDeclarations": declarations}],
        **({} if config["mode"] == "AUTO" else {"toolConfig": {"functionCallingConfig": config}}),
    }


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
        raise InvalidRequest("Gemini knows tools of type 'function' only.", param=f"{where}.type")
    function = present(tool.pop("function", None), f"{where}.function")
    refuse_rest(tool, where)
    return function


def _take_choice(fields: Json) -> Any:
    deprecated = fields.pop("function_call", "auto")
    named = {"type": "function", "function": deprecated} if isinstance(deprecated, dict) else deprecated
    return fields.pop("tool_choice", named)


def _mode(choice: Any) -> tuple[str, list[str] | None]:
    """FunctionCallingConfig's mode, and the only functions it may call (None: all)."""
    match choice:
        case "none":
            return "NONE", None
        case "auto":
            return "AUTO", None
        case "required":
            return "ANY", None
        case {"type": "function", "function": {"name": str(name)}}:
            return "ANY", [name]
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": list(tools)}}:
            return {"auto": "AUTO", "required": "ANY"}[mode], [_allowed(tool, j) for j, tool in enumerate(tools)]
        case _:
            raise Inexpressible("Gemini cannot express this 'tool_choice'.", param="tool_choice")


def _allowed(tool: Any, j: int) -> str:
    match tool:
        case {"type": "function", "function": {"name": str(name)}}:
            return name
        case _:
            raise InvalidRequest("It has to name a function.", param=f"tool_choice.allowed_tools.tools[{j}]")


def _declaration(function: Json, where: str) -> Json:
    declaration: Json = {"name": to_text(function.pop("name", None), f"{where}.name")}
    if "description" in function:
        declaration["description"] = to_text(function.pop("description"), f"{where}.description")
    if "parameters" in function:
        declaration["parametersJsonSchema"] = to_object(function.pop("parameters"), f"{where}.parameters")
    refuse_rest(function, where)
    return declaration


def _check_known(names: list[str] | None, declarations: list[Json]) -> None:
    if names == []:  # Gemini would take an empty list for all of them
        raise InvalidRequest("'tool_choice' allows no tool at all; say \"none\".", param="tool_choice")
    known = {declaration["name"] for declaration in declarations}
    for name in names or ():
        if name not in known:
            raise InvalidRequest(f"'tool_choice' names {name!r}, which is not among the tools.", param="tool_choice")
