"""What aimock reads in our requests, in OpenAI's words: nothing may be lost or changed on the way."""

from typing import Any

import pytest

from tests.contract.aimock import MODELS, AiMock
from tests.gateway import Bench

Json = dict[str, Any]
GEMINIS = ("gemini", "vertex_ai")
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "weather", "description": "Looks.", "parameters": CITY}}
LIMITS = {"temperature": 0.5, "max_tokens": 2000}


def call(call_id: str, city: str) -> Json:
    """A tool call of an assistant's message."""
    function = {"name": "weather", "arguments": f'{{"city":"{city}"}}'}
    return {"id": call_id, "type": "function", "function": function}


def result(call_id: str, content: str) -> Json:
    """A tool's message."""
    return {"role": "tool", "tool_call_id": call_id, "content": content}


TALK: list[Json] = [
    {"role": "system", "content": "Be terse."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hello to you."},
    {"role": "user", "content": "Compare the weather"},
    {"role": "assistant", "content": None, "tool_calls": [call("call_1", "Paris"), call("call_2", "Oslo")]},
    result("call_1", "19 °C"),
    result("call_2", "8 °C"),
]


def as_gemini_has_it(message: Json) -> Json:
    """Gemini takes a tool's result as an object, which aimock tells as JSON."""
    return message if message["role"] != "tool" else {**message, "content": f'{{"output":"{message["content"]}"}}'}


def readable(model: str, tool: Json) -> Json:
    """What aimock reads of a tool: at Gemini only the older `parameters`, not `parametersJsonSchema`."""
    kept = {name: value for name, value in tool["function"].items() if model not in GEMINIS or name != "parameters"}
    return {**tool, "function": kept}


@pytest.mark.parametrize("model", MODELS)
def test_a_conversation_arrives_as_it_is(gateway: Bench, emulator: AiMock, model: str) -> None:
    body = {"model": model, "messages": TALK, "tools": [TOOL], **LIMITS}
    gateway.call("POST", "/chat/completions", json=body)

    read = emulator.understood()
    messages = [as_gemini_has_it(message) if model in GEMINIS else message for message in TALK]
    expected = {"messages": messages, "tools": [readable(model, TOOL)], **LIMITS}
    assert {name: read[name] for name in expected} == expected


@pytest.mark.parametrize("model", MODELS)
def test_a_turn_goes_on_with_what_the_client_was_given(gateway: Bench, model: str) -> None:
    """Thoughts and calls come back as they were received; aimock refuses a thinking Claude without its thoughts."""
    asked = {"role": "user", "content": "Ponder the weather"}
    reasoning = {} if model == "bedrock" else {"reasoning_effort": "low"}
    body = {"model": model, "tools": [TOOL], "max_tokens": 2000, **reasoning}
    first: Any = gateway.call("POST", "/chat/completions", json={**body, "messages": [asked]}).get_json()
    message = first["choices"][0]["message"]
    results = [result(made["id"], "19 °C") for made in message["tool_calls"]]
    again: Any = gateway.call("POST", "/chat/completions", json={**body, "messages": [asked, message, *results]})

    assert (len(results), again.get_json()["choices"][0]["message"]["content"]) == (1, "It is sunny.")
