"""OpenAI's chat completions: reads a request and answers it."""

import json
import secrets
from typing import Any

from managed_files.sandbox.answers import Json, Prompt, Said, Tool, limited, say, wanted_tool
from managed_files.sandbox.chat_messages import Reading
from managed_files.sandbox.chat_rules import check_arguments, offered_tools
from managed_files.sandbox.openai_attachments import FileLookup
from managed_files.sandbox.openai_completion import Choice, Completion
from managed_files.sandbox.openai_errors import bad
from managed_files.sandbox.samples import sample
from managed_files.sandbox.wire import Request


def read_chat(request: Request, model: str | None = None) -> Json:
    """The request's JSON with its top level checked. `model` stands where the path names it."""
    kind = request.headers.get_content_type()
    if kind != "application/json":
        message = f"Unsupported content type: '{kind}'. This API method only accepts 'application/json' requests."
        raise bad(message, code="unsupported_content_type")
    try:
        body = request.body.json()
    except ValueError as error:
        message = "We could not parse the JSON body of your request. The OpenAI API expects a JSON payload."
        raise bad(message) from error
    if model is not None and isinstance(body, dict):
        body["model"] = model
    return check_arguments(body)


def complete(body: Json, find: FileLookup, extra: Json | None = None) -> Completion:
    """Checks the rest of the request and makes the answer."""
    prompt = Reading(find).prompt(body["messages"])
    mode, tools = offered_tools(body)
    called = wanted_tool(mode, tools, prompt)
    choices = [_choice(index, body, prompt, called) for index in range(body.get("n") or 1)]
    return Completion(body, prompt, choices, extra or {})


def _choice(index: int, body: Json, prompt: Prompt, called: list[Tool]) -> Choice:
    if called:
        if body.get("parallel_tool_calls") is False:
            called = called[:1]
        return Choice(index, Said([], "stop"), [_call(tool, prompt) for tool in called])
    stop = body.get("stop") or ()
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    said = limited(_text(body, prompt), [stop] if isinstance(stop, str) else stop, limit)
    return Choice(index, said, [])


def _call(tool: Tool, prompt: Prompt) -> tuple[str, str, str]:
    arguments = json.dumps(sample(tool.schema, prompt.text))
    return f"call_{secrets.token_hex(12)}", tool.name, arguments


def _text(body: Json, prompt: Prompt) -> str:
    wanted: Any = body.get("response_format") or {"type": "text"}
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind == "text":
        return say(prompt)
    if kind == "json_object":
        if "json" not in json.dumps(body["messages"]).lower():
            message = (
                "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
            )
            raise bad(message, param="messages")
        return json.dumps({"answer": say(prompt)})
    if kind != "json_schema" or not isinstance(wanted.get("json_schema"), dict):
        raise bad(f"Invalid value: '{kind}'.", param="response_format.type", code="invalid_value")
    if not wanted["json_schema"].get("name"):
        param = "response_format.json_schema.name"
        raise bad(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    return json.dumps(sample(wanted["json_schema"].get("schema") or {"type": "object"}, say(prompt)))
