"""What Mistral's chat endpoint accepts beside the messages, and its answer. Wire facts: Mistral's API description."""

import json
import secrets
from typing import Any

from managed_files.sandbox.answers import Json, Prompt, Said, Tool, limited, say, wanted_tool
from managed_files.sandbox.mistral_completion import Call, Choice, Completion
from managed_files.sandbox.mistral_errors import bad, invalid
from managed_files.sandbox.mistral_messages import FileLookup, Reading
from managed_files.sandbox.samples import sample
from managed_files.sandbox.wire import Request

_NUMBER, _TEXT_OR_LIST = (int, float), (str, list)
_TYPES: dict[str, tuple[type, ...]] = {
    "model": (str,), "messages": (list,), "temperature": _NUMBER, "top_p": _NUMBER, "max_tokens": (int,),
    "stream": (bool,), "stop": _TEXT_OR_LIST, "random_seed": (int,), "metadata": (dict,), "response_format": (dict,),
    "tools": (list,), "tool_choice": (str, dict), "presence_penalty": _NUMBER, "frequency_penalty": _NUMBER,
    "min_tokens": (int,), "repetition_penalty": _NUMBER, "top_k": (int,), "logprobs": (bool,), "top_logprobs": (int,),
    "prompt_logprobs": (bool,), "top_prompt_logprobs": (int,), "n": (int,), "prediction": (dict,),
    "parallel_tool_calls": (bool,), "reasoning_effort": (str,), "prompt_mode": (str,), "guardrails": (list,),
    "prompt_cache_key": (str,), "service_tier": (str,), "safe_prompt": (bool,),
}  # fmt: skip
_MODES = {"none": "none", "auto": "auto", "any": "any", "required": "any"}
_THOUGHT = "I have to say what I see, and what I was told."


def read_object(request: Request) -> Json:
    """The request's JSON, which has to be an object. Raises a 422."""
    try:
        body: Any = request.body.json()
    except ValueError as error:
        raise invalid(("body",), "JSON decode error", "json_invalid") from error
    if not isinstance(body, dict):
        raise invalid(("body",), "Input should be a valid dictionary", "model_attributes_type")
    return body


def read_chat(request: Request) -> Json:
    """The request's JSON with its top level checked. Raises a 422 that names the place."""
    body = read_object(request)
    for name in ("model", "messages"):
        if not body.get(name):
            raise invalid(("body", name), "Field required", "missing")
    for name, value in body.items():
        if name not in _TYPES:
            raise invalid(("body", name), "Extra inputs are not permitted", "extra_forbidden")
        if value is not None and not isinstance(value, _TYPES[name]):
            raise invalid(("body", name), f"Input should be a valid {_TYPES[name][0].__name__}")
    if not 0 <= (body.get("temperature") or 0) <= 1.5:
        raise invalid(("body", "temperature"), "Input should be less than or equal to 1.5", "less_than_equal")
    return body


def complete(body: Json, find: FileLookup) -> Completion:
    """Checks the rest of the request and makes the answer."""
    prompt = Reading(find).prompt(body["messages"])
    mode, tools = _offered(body)
    called = wanted_tool(mode, tools, prompt)
    if body.get("parallel_tool_calls") is False:
        called = called[:1]
    thought = _THOUGHT if body["model"].startswith("magistral") or body.get("reasoning_effort") == "high" else ""
    choices = [_choice(index, body, prompt, called, thought) for index in range(body.get("n") or 1)]
    return Completion(body, prompt, choices)


def _choice(index: int, body: Json, prompt: Prompt, called: list[Tool], thought: str) -> Choice:
    if called:
        calls = [Call(_call_id(), tool.name, json.dumps(sample(tool.schema, prompt.text))) for tool in called]
        return Choice(index, thought, Said([], "stop"), calls)
    stop = body.get("stop") or ()
    said = limited(_text(body, prompt), [stop] if isinstance(stop, str) else stop, body.get("max_tokens"))
    return Choice(index, thought, said, [])


def _call_id() -> str:
    return secrets.token_hex(5)[:9]


def _text(body: Json, prompt: Prompt) -> str:
    wanted: Any = body.get("response_format") or {}
    match wanted.get("type", "text"):
        case "text":
            return say(prompt)
        case "json_object":
            return json.dumps({"answer": say(prompt)})
        case "json_schema" if isinstance(wanted.get("json_schema"), dict) and wanted["json_schema"].get("name"):
            return json.dumps(sample(wanted["json_schema"].get("schema") or {"type": "object"}, say(prompt)))
        case _:
            raise invalid(("body", "response_format"), "Input should be a valid response format")


def _offered(body: Json) -> tuple[str, list[Tool]]:
    """How tools may be used ("none", "auto", "any") and which ones."""
    tools = [_tool(tool, number) for number, tool in enumerate(body.get("tools") or ())]
    match body.get("tool_choice") or ("auto" if tools else "none"):
        case str(mode) if mode in _MODES:
            return _MODES[mode], tools
        case {"function": {"name": str(name)}} if named := [tool for tool in tools if tool.name == name]:
            return "any", named
        case {"function": {"name": str(name)}}:
            raise bad(f"Tool choice {name} is not among the tools.")
        case _:
            raise invalid(("body", "tool_choice"), "Input should be 'auto', 'none', 'any' or 'required'", "enum")


def _tool(tool: Any, number: int) -> Tool:
    match tool:
        case {"type": "function", "function": {"name": str(name), "parameters": dict(parameters)}}:
            return Tool(name, parameters)
        case _:
            raise invalid(("body", "tools", number, "function"), "Field required", "missing")
