"""What Gemini accepts of settings and tools beyond their shapes. Wire facts: aiplatform v1 and its public errors."""

import re
from collections.abc import Mapping
from typing import Any

from managed_files.sandbox.answers import Json, Tool
from managed_files.sandbox.gemini_json_schema import check_json_schema
from managed_files.sandbox.google_errors import invalid

UNABLE = "Unable to submit request because"
_RANGES = {
    "temperature": (0, 2),
    "topP": (0, 1),
    "candidateCount": (1, 8),
    "maxOutputTokens": (1, 65536),
    "logprobs": (0, 20),
    "presencePenalty": (-2, 2),
    "frequencyPenalty": (-2, 2),
}
_OUTPUTS = ("text/plain", "application/json", "text/x.enum")


def thinks(model: str) -> bool:
    return model.startswith(("gemini-2.5", "gemini-3"))


def check_config(config: Mapping[str, Any], model: str) -> None:
    """Ranges of generationConfig and fields that exclude another. Raises a 400."""
    for name, (low, high) in _RANGES.items():
        value = config.get(name)
        if value is not None and not low <= value <= high:
            raise invalid(f"{UNABLE} it has a {name} value of {value} but the supported range is {low} to {high}.")
    if len(config.get("stopSequences", ())) > 5:
        raise invalid(f"{UNABLE} it has more than 5 stopSequences.")
    if "logprobs" in config and not config.get("responseLogprobs"):
        raise invalid("Logprobs is set but response_logprobs is not true.")
    output = config.get("responseMimeType", "text/plain")
    if output not in _OUTPUTS:
        raise invalid(f"{UNABLE} responseMimeType '{output}' is not supported.")
    schemas = [name for name in ("responseSchema", "responseJsonSchema") if name in config]
    if len(schemas) == 2:
        raise invalid("Only one of response_schema and response_json_schema can be set.")
    if schemas and output == "text/plain":
        raise invalid("Function calling config or response schema needs response_mime_type 'application/json'.")
    check_json_schema(config.get("responseJsonSchema"), "response_json_schema")
    _check_thinking(config.get("thinkingConfig"), model)


def _check_thinking(thinking: Mapping[str, Any] | None, model: str) -> None:
    if thinking is None:
        return
    if not thinks(model):
        raise invalid(f"{UNABLE} thinking is not supported by this model.")
    if "thinkingLevel" in thinking and not model.startswith("gemini-3"):
        raise invalid(f"{UNABLE} thinking_level is not supported by this model.")
    if "thinkingLevel" in thinking and "thinkingBudget" in thinking:
        raise invalid("You can only set one of thinking budget and thinking level.")
    budget = thinking.get("thinkingBudget", -1)
    if not -1 <= budget <= 32768 or (budget == 0 and model.startswith(("gemini-2.5-pro", "gemini-3"))):
        raise invalid(f"The thinking budget {budget} is invalid. Please choose another value.")


def offered_tools(request: Mapping[str, Any]) -> tuple[str, list[Tool]]:
    """How functions may be used ("none", "auto", "any") and which ones. Raises a 400."""
    declared = [tool for entry in request.get("tools", ()) for tool in entry.get("functionDeclarations", ())]
    tools = [_tool(declaration) for declaration in declared]
    config = (request.get("toolConfig") or {}).get("functionCallingConfig") or {}
    mode = str(config.get("mode", "AUTO")).lower()
    allowed = config.get("allowedFunctionNames")
    if allowed is None:
        return ("auto" if mode in ("mode_unspecified", "validated") else mode), tools
    if mode not in ("any", "validated"):
        raise invalid("Allowed function names can only be set when the function calling mode is ANY or VALIDATED.")
    for name in allowed:
        if name not in [tool.name for tool in tools]:
            raise invalid(f"Allowed function name {name} is not among the function declarations.")
    return ("any" if mode == "any" else "auto"), [tool for tool in tools if tool.name in allowed]


def _tool(declaration: Json) -> Tool:
    name = declaration.get("name", "")
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}", name):
        raise invalid(f"Invalid function name: {name!r}. Must start with a letter or an underscore.")
    if "parameters" in declaration and "parametersJsonSchema" in declaration:
        raise invalid(f"Function {name}: only one of parameters and parameters_json_schema can be set.")
    if "parametersJsonSchema" in declaration:
        _check_parameters(declaration["parametersJsonSchema"], f"Function {name}: parameters_json_schema")
    schema = declaration.get("parametersJsonSchema") or declaration.get("parameters")
    return Tool(name, schema or {"type": "object", "properties": {}})


def _check_parameters(schema: Any, what: str) -> None:
    """It has to describe an object. Raises a 400."""
    if not isinstance(schema, dict) or not ({"$ref", "anyOf"} & schema.keys() or schema.get("type") == "object"):
        raise invalid(f"{what}: the schema must describe an object.")
    check_json_schema(schema, what)
