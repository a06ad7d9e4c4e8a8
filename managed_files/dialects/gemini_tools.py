"""Tools: OpenAI's function tools, tool_choice and their deprecated forms to functionDeclarations and toolConfig."""

from typing import Any

from managed_files.dialects import tools
from managed_files.dialects.gemini_schema import for_gemini
from managed_files.dialects.shape import present, refuse_rest, to_object, to_text
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

_MODES = {"none": "NONE", "auto": "AUTO", "required": "ANY", "one": "ANY"}


def take_tools(fields: Json) -> Json:
    """Takes every field about tools out of `fields`; returns `tools` and `toolConfig`, as far as needed.

    `strict` is kept: where the model may choose, mode VALIDATED holds it to the schemas (ANY does so by itself).
    """
    if fields.pop("parallel_tool_calls", True) is False:
        raise Inexpressible("Gemini cannot be held to one call at a time.", param="parallel_tool_calls")
    declared = tools.take_tools(fields, _tool, _declaration)
    choice = tools.take_choice(fields, "Gemini")
    choice.check([declaration["name"] for declaration, _ in declared])
    if not declared:
        return {}
    mode = _MODES[choice.mode]
    if mode == "AUTO":  # Gemini reads allowedFunctionNames in mode ANY only
        declared = [(declaration, strict) for declaration, strict in declared if choice.leaves(declaration["name"])]
    config: Json = {"mode": "VALIDATED" if mode == "AUTO" and any(strict for _, strict in declared) else mode}
    if mode == "ANY" and choice.names is not None:
        config["allowedFunctionNames"] = list(choice.names)
    return {
        "tools": [{"functionDeclarations": [declaration for declaration, _ in declared]}],
        **({} if config["mode"] == "AUTO" else {"toolConfig": {"functionCallingConfig": config}}),
    }


def _tool(tool: Json, where: str) -> tuple[Json, bool]:
    if tool.pop("type", None) != "function":
        raise InvalidRequest("Gemini knows tools of type 'function' only.", param=f"{where}.type")
    function = present(tool.pop("function", None), f"{where}.function")
    refuse_rest(tool, where)
    return _declaration(function, f"{where}.function")


def _declaration(function: Json, where: str) -> tuple[Json, bool]:
    """The declaration, and whether it is strict."""
    strict = bool(function.pop("strict", False))
    declaration: Json = {"name": to_text(function.pop("name", None), f"{where}.name")}
    if "description" in function:
        declaration["description"] = to_text(function.pop("description"), f"{where}.description")
    if schema := to_object(function.pop("parameters", {}), f"{where}.parameters"):  # an empty one describes no object
        declaration["parametersJsonSchema"] = for_gemini(schema)
    refuse_rest(function, where)
    return declaration, strict
