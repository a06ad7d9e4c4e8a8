"""What OpenAI's chat endpoint accepts beside the messages. Wire facts: OpenAI's API description."""

import re
from collections.abc import Mapping
from typing import Any

from managed_files.sandbox.answers import Json, Tool
from managed_files.sandbox.openai_errors import bad

_ARGUMENTS = {
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
}
_RANGES = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "n": (1, 128),
    "top_logprobs": (0, 20),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "max_tokens": (1, 1 << 20),
    "max_completion_tokens": (1, 1 << 20),
}
_MODES = {"none": "none", "auto": "auto", "required": "any"}
_TYPES: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "messages": (list,),
    "stream": (bool,),
    "stream_options": (dict,),
    "logprobs": (bool,),
    "stop": (str, list),
    "tools": (list,),
    "tool_choice": (str, dict),
    "response_format": (dict,),
    "metadata": (dict,),
    "logit_bias": (dict,),
    "parallel_tool_calls": (bool,),
    "user": (str,),
}
_INTEGERS = ("n", "top_logprobs", "max_tokens", "max_completion_tokens", "seed")


def check_arguments(body: Any) -> Json:
    """The top level of a request. Raises a 400 that names the argument, as OpenAI does."""
    if not isinstance(body, dict):
        raise bad("Invalid type for the request body: expected an object.")
    if unknown := sorted(body.keys() - _ARGUMENTS):
        raise bad(f"Unrecognized request argument supplied: {', '.join(unknown)}")
    for name in ("model", "messages"):
        if body.get(name) in (None, "", []):
            raise bad(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    for name, types in _TYPES.items():
        if body.get(name) is not None and not isinstance(body[name], types):
            raise bad(f"Invalid type for '{name}'.", param=name, code="invalid_type")
    for name, (low, high) in _RANGES.items():
        if body.get(name) is not None:
            _check_number(name, body[name], low, high)
    _check_pairs(body)
    return body


def _check_number(name: str, value: Any, low: float, high: float) -> None:
    kind = "integer" if name in _INTEGERS else "decimal"
    if isinstance(value, bool) or not isinstance(value, int if kind == "integer" else (int, float)):
        raise bad(f"Invalid type for '{name}': expected {_a(kind)}.", param=name, code="invalid_type")
    if value < low:
        message = f"Invalid '{name}': {kind} below minimum value. Expected a value >= {low}, but got {value} instead."
        raise bad(message, param=name, code=f"{kind}_below_min_value")
    if value > high:
        message = f"Invalid '{name}': {kind} above maximum value. Expected a value <= {high}, but got {value} instead."
        raise bad(message, param=name, code=f"{kind}_above_max_value")


def _a(kind: str) -> str:
    return "an integer" if kind == "integer" else "a decimal"


def _check_pairs(body: Json) -> None:
    """Arguments that need or exclude another."""
    if body.get("stream_options") is not None and not body.get("stream"):
        raise bad("The 'stream_options' parameter is only allowed when 'stream' is enabled.", param="stream_options")
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        raise bad("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.")
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        raise bad("The 'logprobs' parameter must be true when 'top_logprobs' is set.", param="logprobs")
    if body.get("tool_choice") not in (None, "none") and not body.get("tools"):
        raise bad("Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.")
    stop = body.get("stop")
    if isinstance(stop, list) and not all(isinstance(word, str) for word in stop):
        raise bad("Invalid type for 'stop': expected strings.", param="stop", code="invalid_type")
    if isinstance(stop, list) and len(stop) > 4:
        raise bad("Invalid 'stop': array too long. Expected an array with maximum length 4.", param="stop")


def offered_tools(body: Mapping[str, Any]) -> tuple[str, list[Tool]]:
    """How tools may be used ("none", "auto", "any") and which ones."""
    tools = [_tool(tool, f"tools[{number}]") for number, tool in enumerate(body.get("tools") or ())]
    choice = body.get("tool_choice") or ("auto" if tools else "none")
    if isinstance(choice, str):
        if choice not in _MODES:
            raise bad(f"Invalid value: '{choice}'.", param="tool_choice", code="invalid_value")
        return _MODES[choice], tools
    try:
        if choice["type"] == "allowed_tools":
            allowed = choice["allowed_tools"]
            names = [tool["function"]["name"] for tool in allowed["tools"]]
            return _MODES[allowed["mode"]], [tool for tool in tools if tool.name in names]
        name = choice["function"]["name"]
    except (KeyError, TypeError) as error:
        raise bad("Missing required parameter in 'tool_choice'.", param="tool_choice") from error
    named = [tool for tool in tools if tool.name == name]
    if not named:
        raise bad(f"Tool choice '{name}' not found in 'tools' parameter.", param="tool_choice")
    return "any", named


def _tool(tool: Any, where: str) -> Tool:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or tool.get("type") != "function":
        raise bad(f"Missing required parameter: '{where}.function'.", param=where, code="missing_required_parameter")
    name = function.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
        raise bad(f"Invalid '{where}.function.name': string does not match pattern.", param=f"{where}.function.name")
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    if not isinstance(parameters, dict) or parameters.get("type") != "object":
        message = f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"'."
        raise bad(message, param=f"{where}.function.parameters", code="invalid_function_parameters")
    return Tool(name, parameters)
