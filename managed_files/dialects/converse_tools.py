"""Tools: OpenAI's function tools, tool_choice and their deprecated forms to toolConfig."""

from collections.abc import Sequence
from typing import Any

from managed_files.dialects import tools
from managed_files.dialects.converse_cache import cache_point
from managed_files.dialects.shape import present, refuse_rest, to_object, to_text
from managed_files.dialects.tools import Choice
from managed_files.errors import Inexpressible

Json = dict[str, Any]

_ANYTHING: Json = {"type": "object", "properties": {}}


def take_tools(fields: Json, called: Sequence[str]) -> Json:
    """Takes every field about tools out of `fields`; returns `toolConfig`, as far as needed.

    `called`: the functions that the conversation has called so far. Bedrock refuses a conversation with calls and no
    toolConfig, so without tools these are declared.
    """
    if fields.pop("parallel_tool_calls", True) is False:
        raise Inexpressible("Bedrock cannot be held to one call at a time.", param="parallel_tool_calls")
    specs = tools.take_tools(fields, _tool, _spec)
    choice = tools.take_choice(fields, "Bedrock")
    if choice.mode == "none":
        return _forbidden(called)
    choice.check([spec["name"] for spec, _ in specs])
    if choice.mode != "one":
        specs = [(spec, cache) for spec, cache in specs if choice.leaves(spec["name"])]
    blocks = [block for spec, cache in specs for block in ({"toolSpec": spec}, *cache)] or _stand_ins(called)
    return {"toolConfig": {"tools": blocks, **_tool_choice(choice)}} if blocks else {}


def _tool(tool: Json, where: str) -> tuple[Json, list[Json]]:
    if tool.pop("type", None) != "function":
        raise Inexpressible("Bedrock knows tools of type 'function' only.", param=f"{where}.type")
    function = present(tool.pop("function", None), f"{where}.function")
    if "cache_control" in tool:
        function["cache_control"] = tool.pop("cache_control")
    refuse_rest(tool, where, provider="Bedrock")
    return _spec(function, f"{where}.function")


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


def _forbidden(called: Sequence[str]) -> Json:
    """Converse has no "none": without toolConfig no call can be made, but after earlier calls there has to be one."""
    if called:
        raise Inexpressible("After earlier calls, Bedrock cannot forbid new ones.", param="tool_choice")
    return {}


def _stand_ins(called: Sequence[str]) -> list[Json]:
    return [{"toolSpec": {"name": name, "inputSchema": {"json": _ANYTHING}}} for name in called]


def _tool_choice(choice: Choice) -> Json:
    """`auto` is left out, as some models know no other and refuse the field itself."""
    match choice:
        case Choice("one", (name,)):
            return {"toolChoice": {"tool": {"name": name}}}
        case Choice("required"):
            return {"toolChoice": {"any": {}}}
        case _:
            return {}
