"""OpenAI's Responses: reads a request and answers it. Tools are functions and containers; nothing is remembered."""

import json
import secrets
import time
from typing import Any

from managed_files.sandbox.answers import Json, Prompt, Said, Tool, limited, say, tokens, wanted_tool
from managed_files.sandbox.openai_attachments import FileLookup
from managed_files.sandbox.openai_errors import bad
from managed_files.sandbox.openai_response_input import ResponseInput
from managed_files.sandbox.samples import sample
from managed_files.sandbox.wire import Reply, Request, json_reply

_DEFAULTS: Json = {  # what an answer repeats of the request
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_OTHERS = {"model", "input", "include", "stream", "service_tier", "prompt_cache_key", "safety_identifier"}
_MODES = {"none": "none", "auto": "auto", "required": "any"}
_SHORTEST = 16  # tokens that an answer may be limited to


def read_response(request: Request) -> Json:
    """The request's JSON with its top level checked. Raises a 400 in OpenAI's words."""
    try:
        body: Json = request.body.json()
    except ValueError as error:
        raise bad("We could not parse the JSON body of your request.") from error
    for name in ("model", "input"):
        if not isinstance(body, dict) or not body.get(name):
            raise bad(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    for extra in sorted(body.keys() - _DEFAULTS.keys() - _OTHERS):
        raise bad(f"Unknown parameter: '{extra}'.", param=extra, code="unknown_parameter")
    if body.get("previous_response_id"):
        message = f"Previous response with id '{body['previous_response_id']}' not found."
        raise bad(message, param="previous_response_id", code="previous_response_not_found")
    if body.get("stream"):
        raise bad("This stand-in does not stream responses.", param="stream")
    limit = body.get("max_output_tokens")
    if limit is not None and (not isinstance(limit, int) or limit < _SHORTEST):
        message = f"Invalid 'max_output_tokens': integer below minimum value. Expected a value >= {_SHORTEST}."
        raise bad(message, param="max_output_tokens", code="integer_below_min_value")
    temperature = body.get("temperature")
    if temperature is not None and (not isinstance(temperature, int | float) or not 0 <= temperature <= 2):
        raise bad("Invalid 'temperature': expected a decimal from 0 to 2.", param="temperature")
    return body


def respond(body: Json, find: FileLookup) -> Reply:
    """The answer to a request whose top level is checked."""
    tools = body.get("tools") or []
    prompt = ResponseInput(find).prompt(body["input"], tools)
    mode, offered = _offered(body, tools)
    called = wanted_tool(mode, offered, prompt)
    said = limited("" if called else _text(body, prompt), (), body.get("max_output_tokens"))
    output = [_call(tool, prompt) for tool in called] or [_message(said)]
    cut = said.cut == "length"
    return json_reply(
        {
            "id": f"resp_{secrets.token_hex(24)}",
            "object": "response",
            "created_at": int(time.time()),
            "status": "incomplete" if cut else "completed",
            "background": False,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "model": body["model"],
            "output": output,
            "usage": _usage(prompt, said),
            **{name: body.get(name, usual) for name, usual in _DEFAULTS.items()},
        }
    )


def _offered(body: Json, tools: list[Json]) -> tuple[str, list[Tool]]:
    """How functions may be called, and which ones."""
    offered = [_function(tool, number) for number, tool in enumerate(tools) if tool.get("type") != "code_interpreter"]
    choice = body.get("tool_choice") or "auto"
    if isinstance(choice, dict) and any(tool.name == choice.get("name") for tool in offered):
        return "any", [tool for tool in offered if tool.name == choice["name"]]
    if not isinstance(choice, str) or choice not in _MODES:
        raise bad(f"Invalid value: '{choice}'.", param="tool_choice", code="invalid_value")
    return _MODES[choice], offered


def _function(tool: Json, number: int) -> Tool:
    where = f"tools[{number}]"
    if tool.get("type") != "function":
        raise bad(f"Invalid value: '{tool.get('type')}'.", param=f"{where}.type", code="invalid_value")
    if not isinstance(tool.get("name"), str):  # unlike a chat's, a response's function is the tool itself
        raise bad(f"Missing required parameter: '{where}.name'.", param=where, code="missing_required_parameter")
    return Tool(tool["name"], tool.get("parameters") or {"type": "object", "properties": {}})


def _text(body: Json, prompt: Prompt) -> str:
    wanted: Any = (body.get("text") or {}).get("format") or {"type": "text"}
    match wanted.get("type"):
        case "text":
            return say(prompt)
        case "json_object":
            return json.dumps({"answer": say(prompt)})
        case "json_schema" if wanted.get("name") and isinstance(wanted.get("schema"), dict):
            return json.dumps(sample(wanted["schema"], say(prompt)))
        case kind:
            raise bad(f"Invalid value: '{kind}'.", param="text.format", code="invalid_value")


def _message(said: Said) -> Json:
    return {
        "id": f"msg_{secrets.token_hex(24)}",
        "type": "message",
        "status": "incomplete" if said.cut == "length" else "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}],
    }


def _call(tool: Tool, prompt: Prompt) -> Json:
    return {
        "id": f"fc_{secrets.token_hex(24)}",
        "type": "function_call",
        "status": "completed",
        "call_id": f"call_{secrets.token_hex(12)}",
        "name": tool.name,
        "arguments": json.dumps(sample(tool.schema, prompt.text)),
    }


def _usage(prompt: Prompt, said: Said) -> Json:
    asked = 8 + len(tokens(prompt.text)) + sum(258 for _ in prompt.seen)
    return {
        "input_tokens": asked,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": len(said.tokens),
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": asked + len(said.tokens),
    }
