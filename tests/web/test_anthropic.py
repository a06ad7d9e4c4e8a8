"""One file for Claude through the whole gateway: which block it goes in, turns that go on, what is left out."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from managed_files.dialects.sse import SseDecoder
from managed_files.sandbox import AnthropicSandbox, Fault
from managed_files.sandbox.anthropic import DEFAULT_KEY
from tests.gateway import CONTENT, FORM, GPT, TEXT, Bench, StandIns, file_part, form, settings_for
from tests.openai_schema import assert_valid

CLAUDE, OLDER = "claude", "older-claude"
BOTH = f"{GPT}, {CLAUDE}"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
def anthropic() -> Iterator[AnthropicSandbox]:
    with AnthropicSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def gateway(url: str, stand_ins: StandIns, anthropic: AnthropicSandbox) -> Iterator[Bench]:
    """A gateway with two Claudes of one account beside the usual providers; the older one drops what it cannot say."""
    account = {"api_base": anthropic.url, "api_key": DEFAULT_KEY}
    older = {"model": "anthropic/claude-opus-4-5", "drop_params": True, **account}
    entries = [
        *stand_ins.entries(),
        {"model_name": CLAUDE, "litellm_params": {"model": "anthropic/claude-opus-5-5", **account}},
        {"model_name": OLDER, "litellm_params": older},
    ]
    bench = Bench(settings_for(url, stand_ins, entries), stand_ins)
    yield bench
    bench.close()


def uploaded(gateway: Bench, mime_type: str) -> str:
    """The id of CONTENT, said to be of this type."""
    fields = {"target_model_names": CLAUDE, "purpose": "user_data"}
    body = form(fields, CONTENT).replace(b"application/pdf", mime_type.encode())
    return str(gateway.call("POST", "/files", data=body, content_type=FORM).get_json()["id"])


def test_both_claudes_read_the_one_file(gateway: Bench, anthropic: AnthropicSandbox) -> None:
    file_id = gateway.stored(BOTH)
    answers = [gateway.chat(model, file_part(file_id)).get_json() for model in (CLAUDE, OLDER)]
    held = len(anthropic.files)
    gateway.call("DELETE", f"/files/{file_id}")

    for answer in answers:
        assert_valid("CreateChatCompletionResponse", answer)
    said = [DIGEST in answer["choices"][0]["message"]["content"] for answer in answers]
    assert (said, held, dict(anthropic.files)) == ([True, True], 1, {})


def test_a_stream_says_what_the_answer_says(gateway: Bench) -> None:
    part = file_part(gateway.stored(BOTH))
    whole = gateway.chat(CLAUDE, part).get_json()
    *events, done = SseDecoder().feed(gateway.chat(CLAUDE, part, stream=True).data)

    said = "".join(json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events)
    assert (said, done) == (whole["choices"][0]["message"]["content"], b"[DONE]")


@pytest.mark.parametrize(
    ("mime_type", "kind", "fields"),
    [
        ("application/pdf", "document", {}),
        ("text/csv", "document", {}),
        ("application/json", "document", {}),
        ("image/png", "image", {}),
        (
            "application/zip",
            "container_upload",
            {"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]},
        ),
    ],
)
def test_a_file_goes_in_the_block_of_its_type(
    gateway: Bench, anthropic: AnthropicSandbox, mime_type: str, kind: str, fields: dict[str, Any]
) -> None:
    answer = gateway.chat(CLAUDE, file_part(uploaded(gateway, mime_type)), **fields)

    sent = anthropic.requests[-1].json()["messages"][0]["content"][1]["type"]
    assert (answer.status_code, DIGEST in answer.text, sent) == (200, True, kind)


def test_bytes_are_never_given_back(gateway: Bench) -> None:
    answer = gateway.call("GET", f"/files/{gateway.stored(CLAUDE)}/content")
    assert (answer.status_code, "anthropic" in answer.get_json()["error"]["message"]) == (400, True)


@pytest.mark.parametrize("keeps_thoughts", [True, False])
@pytest.mark.parametrize("model", [CLAUDE, OLDER])
def test_a_turn_goes_on_after_a_tool(gateway: Bench, model: str, keeps_thoughts: bool) -> None:
    """Clients that know OpenAI's fields only lose the thoughts, and are answered all the same."""
    question = {"role": "user", "content": "get_weather"}
    fields = {"model": model, "tools": [TOOL], "reasoning_effort": "low"}
    first = gateway.call("POST", "/chat/completions", json={"messages": [question], **fields}).get_json()
    message = first["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "sunny"}
    said = message if keeps_thoughts else {key: message[key] for key in ("role", "content", "tool_calls")}
    again = gateway.call("POST", "/chat/completions", json={"messages": [question, said, result], **fields})

    assert (again.status_code, "The tool answered: sunny" in again.text) == (200, True)


def test_what_claude_cannot_be_told_is_refused_by_name(gateway: Bench) -> None:
    error = gateway.chat(CLAUDE, seed=7).get_json()["error"]
    assert (error["param"], error["type"]) == ("seed", "invalid_request_error")


def test_or_left_out_where_that_is_wanted(gateway: Bench) -> None:
    answer = gateway.chat(OLDER, seed=7, response_format={"type": "json_object"})
    dropped = answer.headers["x-managed-files-dropped-params"]
    assert (answer.status_code, sorted(dropped.split(", "))) == (200, ["response_format", "seed"])


def test_no_file_of_another_comes_in_by_the_back_door(gateway: Bench, anthropic: AnthropicSandbox) -> None:
    gateway.stored(CLAUDE)
    block = {"type": "document", "source": {"type": "file", "file_id": next(iter(anthropic.files))}}
    carried = {"role": "assistant", "content": "a", "extra_content": {"anthropic": {"content": [block]}}}
    messages = [{"role": "user", "content": [TEXT]}, carried, {"role": "user", "content": [TEXT]}]
    answer = gateway.call("POST", "/chat/completions", json={"model": CLAUDE, "messages": messages})

    chats = [request for request in anthropic.requests if request.path == "/v1/messages"]
    assert (answer.status_code, chats) == (400, [])


def test_an_overloaded_claude_may_be_asked_again(gateway: Bench, anthropic: AnthropicSandbox) -> None:
    anthropic.inject(Fault(path="/v1/messages", status=529, headers={"retry-after": "7"}))
    answer = gateway.chat(CLAUDE)
    told = answer.headers["retry-after"], answer.headers.get("x-should-retry")
    assert (answer.status_code, told) == (503, ("7", None))


def test_a_wrong_key_is_ours(gateway: Bench, anthropic: AnthropicSandbox) -> None:
    anthropic.api_keys.clear()
    error = gateway.upload(CLAUDE).get_json()["error"]

    assert (error["code"], DEFAULT_KEY in error["message"]) == ("provider_credentials_refused", False)
