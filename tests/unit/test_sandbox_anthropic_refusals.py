"""What Anthropic's stand-in refuses, as Claude does: by plain HTTP, since no client of Anthropic's would send it."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from managed_files.sandbox import AnthropicSandbox

Json = dict[str, Any]
OLD = {"x-api-key": "key-one", "anthropic-version": "2023-06-01"}
BETA = {**OLD, "anthropic-beta": "files-api-2025-04-14"}
NEWER, BUDGETED, OLDER = "claude-opus-5-5", "claude-opus-4-5", "claude-sonnet-4-5"
THINKING = {"type": "enabled", "budget_tokens": 1024}
WEATHER = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]},
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[AnthropicSandbox]:
    with AnthropicSandbox(api_keys={"key-one": "workspace-1"}) as server:
        yield server


def user(*blocks: Json | str) -> Json:
    return {"role": "user", "content": [{"type": "text", "text": b} if isinstance(b, str) else b for b in blocks]}


def stored(kind: str, file_id: str, **more: Any) -> Json:
    return {"type": kind, "source": {"type": "file", "file_id": file_id}, **more}


def post(sandbox: AnthropicSandbox, headers: Json = OLD, **body: Any) -> requests.Response:
    given = {"model": BUDGETED, "max_tokens": 100, "messages": [user("Hi")], **body}
    given = {name: value for name, value in given.items() if value is not None}
    return requests.post(f"{sandbox.url}/v1/messages", json=given, headers=headers, timeout=10)


def refusal(answer: requests.Response) -> str:
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) in ((400, "invalid_request_error"), (404, "not_found_error"))
    return str(error["message"])


def turns(*contents: Any) -> list[Json]:
    roles = ("user", "assistant", "user")
    return [{"role": role, "content": content} for role, content in zip(roles, contents, strict=False)]


USE = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"}
TEXT = {"type": "text", "text": "Hi"}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "forged"}


@pytest.mark.parametrize(
    ("body", "begins"),
    [
        ({"max_tokens": None}, "max_tokens: Field required"),
        ({"max_tokens": 0}, "max_tokens: "),
        ({"max_tokens": 64_001}, "max_tokens: 64001 > 64000"),
        ({"max_tokens": True}, "max_tokens: "),
        ({"model": "claude-0"}, "model: claude-0"),
        ({"seed": 1}, "seed: Extra inputs"),
        ({"mcp_servers": []}, "mcp_servers: Extra inputs"),
        ({"temperature": 1.1}, "temperature: "),
        ({"top_p": 2}, "top_p: "),
        ({"model": NEWER, "top_k": 1}, "`top_k` is deprecated"),
        ({"metadata": {"job": "x"}}, "metadata.job: Extra inputs"),
        ({"service_tier": "flex"}, "service_tier: "),
        ({"stop_sequences": [" "]}, "stop_sequences.0: "),
        ({"output_config": {"effort": "none"}}, "output_config.effort: "),
        ({"output_config": {"style": 1}}, "output_config.style: "),
        ({"output_config": {"format": {"type": "json_object"}}}, "output_config.format: "),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, "output_config.format"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1000}}, "thinking.enabled.budget_tokens: "),
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "`max_tokens` must be greater"),
        ({"model": OLDER, "thinking": {"type": "adaptive"}}, "adaptive thinking is not supported"),
        ({"thinking": {"type": "always"}}, "thinking.type: "),
        ({"thinking": THINKING, "max_tokens": 2000, "temperature": 0}, "`temperature`"),
        ({"thinking": THINKING, "max_tokens": 2000, "tools": [WEATHER],
          "tool_choice": {"type": "any"}}, "Thinking may not be enabled"),
        ({"model": NEWER, "thinking": THINKING}, '"thinking.type.enabled"'),
        ({"model": NEWER, "messages": turns("a", "b")}, "This model does not support assistant message prefill"),
        ({"tool_choice": {"type": "auto"}}, "tool_choice may only be"),
        ({"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "g"}}, "tool_choice: Tool 'g'"),
        ({"tools": [WEATHER], "tool_choice": {"type": "auto", "mode": 1}}, "tool_choice.mode: "),
        ({"tools": [{**WEATHER, "parameters": {}}]}, "tools.0.custom.parameters: "),
        ({"tools": [{**WEATHER, "name": "get weather"}]}, "tools.0.custom.name: "),
        ({"tools": [{**WEATHER, "input_schema": {}}]}, "tools.0.custom.input_schema.type: "),
        ({"tools": ["x"]}, "tools.0: "),
        ({"system": [stored("document", "f")]}, "system.0: "),
        ({"messages": []}, "messages: at least one"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "messages: first message"),
        ({"messages": [{"role": "system", "content": "a"}]}, "messages.0.role: "),
        ({"messages": [{"role": "user", "content": ""}]}, "messages.0.content.0: text content blocks"),
        ({"messages": [{"role": "user", "content": []}]}, "messages.0: all messages"),
        ({"messages": [{"role": "user", "content": "a", "name": "b"}]}, "messages.0: "),
        ({"messages": turns([{"type": "input_text", "text": "a"}])}, "messages.0.content.0: Input tag"),
        ({"messages": turns([{**TEXT, "detail": 1}])}, "messages.0.content.0.text.detail: "),
        ({"messages": turns([{"type": "text"}])}, "messages.0.content.0.text.text: Field required"),
        ({"messages": turns([{**TEXT, "cache_control": {"type": "forever"}}])}, "messages.0.content.0.text.cache_con"),
        ({"messages": turns([USE])}, "messages.0.content.0: `tool_use` blocks can only be in assistant"),
        ({"messages": turns("a", [USE])}, "messages: `tool_use` ids were found"),
        ({"messages": turns("a", [USE], "b")}, "messages.1: `tool_use` ids were found"),
        ({"messages": turns([RESULT])}, "messages.0: unexpected `tool_use_id`"),
        ({"messages": turns("a", [USE], [TEXT, RESULT])}, "messages.2: `tool_result` blocks must come before"),
        ({"messages": turns("a", [{**USE, "id": "call:1"}], "b")}, "messages.1.content.0.tool_use.id: "),
        ({"messages": turns("a", [USE], [{**RESULT, "content": [USE]}])}, "messages.2.content.0.tool_result.content.0"),
        ({"messages": turns("a", [THOUGHT], "b")}, "messages.1.content.0: Invalid `signature`"),
        ({"messages": turns("a", [USE], [RESULT]), "max_tokens": 2000,
          "thinking": THINKING}, "messages.1.content.0.type: Expected `thinking`"),
        ({"messages": turns([{"type": "image", "source": {"type": "base64", "media_type": "image/tiff", "data": ""}}])},
         "messages.0.content.0.image.source.base64.media_type: "),
        ({"messages": turns([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "!"}}])},
         "messages.0.content.0.image.source.base64: "),
        ({"messages": turns([{"type": "document", "source": {"type": "url", "url": "gs://a"}}])},
         "messages.0.content.0.document.source.url: "),
        ({"messages": turns([{"type": "image", "source": {"type": "text", "data": "a"}}])},
         "messages.0.content.0.image.source: "),
        ({"messages": turns([stored("document", "file_1")])}, "messages.0.content.0.document.source: "),
    ],
)  # fmt: skip
def test_what_claude_refuses(sandbox: AnthropicSandbox, body: Json, begins: str) -> None:
    assert refusal(post(sandbox, **body))[: len(begins)] == begins


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("document", "messages.0.content.0.document.source: The file type 'image/tiff' does not match"),
        ("image", "messages.0.content.0.image.source: The file type 'image/tiff' does not match"),
        ("container_upload", "messages.0.content.0: container_upload blocks require the code execution tool"),
    ],
)
def test_files_have_to_fit(sandbox: AnthropicSandbox, kind: str, begins: str) -> None:
    form = {"file": ("a.tiff", b"II*", "image/tiff")}
    file_id = requests.post(f"{sandbox.url}/v1/files", files=form, headers=BETA, timeout=10).json()["id"]
    block = {"type": kind, "file_id": file_id} if kind == "container_upload" else stored(kind, file_id)
    assert refusal(post(sandbox, BETA, messages=[user(block)]))[: len(begins)] == begins


def test_files_have_to_be_there(sandbox: AnthropicSandbox) -> None:
    answer = post(sandbox, BETA, messages=[user(stored("document", "file_unknown"))])
    assert (answer.status_code, refusal(answer)) == (404, "File not found: file_unknown")
