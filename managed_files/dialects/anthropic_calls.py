"""A function call of an assistant's message, as Anthropic writes it. Pure."""

import json
from typing import Any

from managed_files.dialects.shape import to_object, to_text
from managed_files.errors import InvalidRequest

Json = dict[str, Any]


def called_function(value: Any, where: str) -> Json:
    """`name` and `input`: an object where OpenAI has it as a text. Raises InvalidRequest naming the place."""
    function = to_object(value, where)
    name = to_text(function.get("name"), f"{where}.name")
    return {"name": name, "input": _arguments(function, f"{where}.arguments")}


def _arguments(function: Json, where: str) -> Json:
    text = to_text(function.get("arguments"), where)
    try:
        arguments = json.loads(text or "{}")
    except ValueError as error:
        raise InvalidRequest(f"'{where}' is not JSON: {error}.", param=where) from error
    if not isinstance(arguments, dict):
        raise InvalidRequest(f"'{where}' has to hold a JSON object.", param=where)
    return arguments
