"""No request, however odd, makes a stand-in fail on its own: what it refuses is a 4xx in the provider's envelope."""

import json
import socket
from collections.abc import Iterator

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.sandbox import GoogleSandbox, OpenAISandbox
from managed_files.sandbox.openai import DEFAULT_KEY

CHAT = {
    "model": "gpt-4o-mini",
    "messages": [
        {
            "role": "user",
            "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "http://x/y.png"}}],
        },
        {
            "role": "assistant",
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": ""}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "x"}]},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    "stop": ["x"],
    "n": 1,
    "stream": True,
    "stream_options": {"include_usage": True},
    "logprobs": True,
    "top_logprobs": 1,
}
GENERATE = {
    "contents": [
        {
            "role": "user",
            "parts": [{"text": "x"}, {"fileData": {"fileUri": "https://x/y.png", "mimeType": "image/png"}}],
        },
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}, "id": "1"}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}, "id": "1"}}]},
    ],
    "systemInstruction": {"parts": [{"text": "x"}]},
    "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {}}}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {"temperature": 1, "responseMimeType": "application/json", "responseJsonSchema": {}},
}
ODD = st.sampled_from([None, True, -1, 10**400, 0.5, "", "x", [], [None], {}, {"x": None}, [[]], [{}]])


def places(value, path=()) -> Iterator[tuple]:
    """The path of every value inside."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from places(inner, (*path, key))


def changed(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.headers["Content-Type"] = "application/json"
        yield made


@pytest.fixture(scope="module")
def openai() -> Iterator[OpenAISandbox]:
    with OpenAISandbox() as server:
        yield server


@pytest.fixture(scope="module")
def google() -> Iterator[GoogleSandbox]:
    with GoogleSandbox() as server:
        yield server


@settings(deadline=None, max_examples=250)
@given(st.sampled_from(list(places(CHAT))), ODD)
def test_odd_chat(session, openai, path, new):
    headers = {"Authorization": f"Bearer {DEFAULT_KEY}"}
    body = json.dumps(changed(CHAT, path, new))
    answer = session.post(f"{openai.url}/v1/chat/completions", data=body, headers=headers, timeout=10)
    assert answer.status_code in (200, 400, 404), answer.text


@settings(deadline=None, max_examples=250)
@given(st.sampled_from(list(places(GENERATE))), ODD)
def test_odd_generate(session, google, path, new):
    headers = {"Authorization": f"Bearer {google.tokens.issue()}"}
    model = f"projects/{google.project}/locations/l/publishers/google/models/gemini-2.0-flash"
    body = json.dumps(changed(GENERATE, path, new))
    answer = session.post(f"{google.url}/v1/{model}:generateContent", data=body, headers=headers, timeout=10)
    assert answer.status_code in (200, 400, 404), answer.text


@pytest.mark.parametrize("head", [b"no http\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"])
def test_not_http(openai, head):
    with socket.create_connection(("127.0.0.1", int(openai.url.rpartition(":")[2])), 10) as raw:
        raw.sendall(head)
        assert raw.recv(100) == b""
