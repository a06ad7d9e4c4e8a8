"""OpenAI's words for tools and which of them to call, the deprecated ones too, as several dialects read them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from managed_files import strict_json
from managed_files.dialects.shape import present, to_list, to_object, to_text
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice:
    """What `tool_choice` says. `names`: the only functions that may be called, None for all; `one` has exactly one."""

    mode: Literal["none", "auto", "required", "one"]
    names: tuple[str, ...] | None = None

    def leaves(self, name: Any) -> bool:
        """Whether the function of that name may be called."""
        return self.names is None or name in self.names

    def check(self, known: Collection[Any]) -> None:
        """Raises InvalidRequest unless what it asks for is among the tools of these names."""
        if not known and self != Choice("none") and self != Choice("auto"):
            raise InvalidRequest("'tool_choice' asks for a call, but there are no tools.", param="tool_choice")
        if self.names == ():
            raise InvalidRequest("'tool_choice' allows no tool at all; say \"none\".", param="tool_choice")
        for name in self.names or ():
            if name not in known:
                raise InvalidRequest(
                    f"'tool_choice' names {name!r}, which is not among the tools.", param="tool_choice"
                )


def take_tools(fields: Json, tool: Callable[[Json, str], T], function: Callable[[Json, str], T]) -> list[T]:
    """Takes `tools`, or the deprecated `functions`, out of `fields`. Raises InvalidRequest.

    `tool`, `function`: translate one entry, a fresh copy without nulls; they are told its place, for their errors.
    """
    tools = [tool(entry, where) for entry, where in _entries(fields, "tools")]
    functions = [function(entry, where) for entry, where in _entries(fields, "functions")]
    if tools and functions:
        raise InvalidRequest("Send 'tools' or the deprecated 'functions', not both.", param="functions")
    return tools or functions


def take_choice(fields: Json, provider: str) -> Choice:
    """Takes `tool_choice`, or the deprecated `function_call`, out of `fields`. Raises InvalidRequest."""
    deprecated = fields.pop("function_call", "auto")
    named = {"type": "function", "function": deprecated} if isinstance(deprecated, dict) else deprecated
    match fields.pop("tool_choice", named):
        case "none" | "auto" | "required" as mode:
            return Choice(mode)
        case {"type": "function", "function": {"name": str(name)}}:
            return Choice("one", (name,))
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": [*tools]}}:
            return Choice(mode, tuple(_allowed(tool, j) for j, tool in enumerate(tools)))
        case _:
            raise Inexpressible(f"{provider} cannot express this 'tool_choice'.", param="tool_choice")


def called(value: Any, where: str) -> tuple[str, Json]:
    """Name and arguments of a function that was called; OpenAI has the arguments as a text. Raises InvalidRequest."""
    function = to_object(value, where)
    name, text = to_text(function.get("name"), f"{where}.name"), function.get("arguments")
    where = f"{where}.arguments"
    try:
        arguments = strict_json.parsed(to_text(text, where) or "{}")
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"'{where}' is not JSON: {error}.", param=where) from error
    if not isinstance(arguments, dict):
        raise InvalidRequest(f"'{where}' has to hold a JSON object.", param=where)
    return name, arguments


def _entries(fields: Json, name: str) -> list[tuple[Json, str]]:
    places = [(value, f"{name}[{i}]") for i, value in enumerate(to_list(fields.pop(name, []), name))]
    return [(present(value, where), where) for value, where in places]


def _allowed(tool: Any, j: int) -> str:
    match tool:
        case {"type": "function", "function": {"name": str(name)}}:
            return name
        case _:
            raise InvalidRequest("It has to name a function.", param=f"tool_choice.allowed_tools.tools[{j}]")
