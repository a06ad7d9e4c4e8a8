"""Claude's whole answers, checked against OpenAI's API description and its SDK's types."""

from typing import Any

import pytest
from anthropic.types import Message
from openai.types.chat import ChatCompletion

from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.errors import ProviderFailed
from tests.anthropic_requests import Json, translate
from tests.openai_schema import assert_valid

EXCHANGE = Exchange("chatcmpl-1", 1700000000, "public-name")
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
HIDDEN = {"type": "redacted_thinking", "data": "ZGF0YQ=="}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"é": 1}}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
USAGE = {
    "input_tokens": 10,
    "output_tokens": 7,
    "cache_read_input_tokens": 4,
    "cache_creation_input_tokens": 5,
    "output_tokens_details": {"thinking_tokens": 3},
    "service_tier": "standard",
}


def text(words: str, **more: Any) -> Json:
    return {"type": "text", "text": words, **more}


def answer(*blocks: Json, stop: str = "end_turn", **more: Any) -> Json:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-1", "content": list(blocks)}
    return {**head, "stop_reason": stop, "stop_sequence": None, "usage": USAGE, **more}


def respond(whole: Json, exchange: Exchange = EXCHANGE) -> Json:
    Message.model_validate(whole)
    response = DIALECTS["anthropic"].response(whole, exchange)
    assert_valid("CreateChatCompletionResponse", response)
    ChatCompletion.model_validate(response, strict=True)
    return response


def chosen(*blocks: Json, exchange: Exchange = EXCHANGE, **more: Any) -> Json:
    (choice,) = respond(answer(*blocks, **more), exchange)["choices"]
    return dict(choice)


def said(*blocks: Json, **more: Any) -> Json:
    """The message, without the fields that every answer has."""
    message = chosen(*blocks, **more)["message"]
    return {key: value for key, value in message.items() if key not in ("role", "refusal")}


def test_a_plain_answer() -> None:
    assert respond(answer(text("Hel"), text("lo"))) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "claude-1",
        "service_tier": "default",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 19,
            "completion_tokens": 7,
            "total_tokens": 26,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
    }


def test_calls() -> None:
    empty = {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}}
    choice = chosen(CALL, empty, stop="tool_use")
    assert (choice["finish_reason"], choice["message"]) == (
        "tool_calls",
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "tool_calls": [
                {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": '{"é": 1}'}},
                {"id": "toolu_2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
    )


def test_a_request_with_functions_is_answered_with_function_call() -> None:
    choice = chosen(CALL, CALL, stop="tool_use", exchange=Exchange("chatcmpl-1", 1, "m", functions=True))
    assert (choice["finish_reason"], choice["message"]["function_call"], "tool_calls" in choice["message"]) == (
        "function_call",
        {"name": "f", "arguments": '{"é": 1}'},
        False,
    )


def test_thoughts_are_no_content() -> None:
    assert said(THOUGHT, HIDDEN, text("a")) == {
        "content": "a",
        "reasoning_content": "hm",
        "thinking_blocks": [THOUGHT, HIDDEN],
    }


PAGE = {
    "type": "web_search_result_location",
    "url": "https://example.com/a",
    "title": None,
    "cited_text": "x",
    "encrypted_index": "i",
}
QUOTE = {
    "type": "char_location",
    "cited_text": "x",
    "document_index": 0,
    "document_title": "t",
    "start_char_index": 0,
    "end_char_index": 1,
    "file_id": "file_1",
}


def test_citations() -> None:
    note = {"start_index": 3, "end_index": 6, "url": "https://example.com/a", "title": "https://example.com/a"}
    assert said(text("So "), text("it is", citations=None), text("")) == {"content": "So it is"}
    assert said(text("So "), text("yes", citations=[PAGE, QUOTE]), text(".")) == {
        "content": "So yes.",
        "citations": [PAGE, QUOTE],
        "annotations": [{"type": "url_citation", "url_citation": note}],
    }


@pytest.mark.parametrize(
    "blocks",
    [(text("a"), THOUGHT, text("b")), (SEARCH, FOUND, text("a")), (CALL, text("a"))],
    ids=["thought in between", "search", "text after a call"],
)
def test_what_openai_cannot_hold_is_carried(blocks: tuple[Json, ...]) -> None:
    assert said(*blocks)["extra_content"] == {"anthropic": {"content": list(blocks)}}


@pytest.mark.parametrize(
    "blocks",
    [(THOUGHT, HIDDEN, text("a"), CALL), (SEARCH, FOUND, text("a"), CALL), (text("a"), THOUGHT, CALL)],
)
def test_what_an_answer_has_can_be_sent_back(blocks: tuple[Json, ...]) -> None:
    message = chosen(*blocks, stop="tool_use")["message"]
    result = {"role": "tool", "tool_call_id": "toolu_1", "content": "ok"}
    request = translate({"messages": [{"role": "user", "content": "Hi"}, message, result]})
    assert request["messages"][1]["content"] == list(blocks)


@pytest.mark.parametrize(
    ("stop", "reason", "extra"),
    [
        ("end_turn", "stop", None),
        ("stop_sequence", "stop", None),
        ("max_tokens", "length", None),
        ("model_context_window_exceeded", "length", {"anthropic": {"stop_reason": "model_context_window_exceeded"}}),
        ("pause_turn", "stop", {"anthropic": {"stop_reason": "pause_turn"}}),
    ],
)
def test_finish_reason(stop: str, reason: str, extra: Json | None) -> None:
    choice = chosen(text("a"), stop=stop)
    assert (choice["finish_reason"], choice["message"].get("extra_content")) == (reason, extra)


@pytest.mark.parametrize(
    ("details", "refusal"),
    [
        (None, "Claude declined to answer."),
        ({"type": "refusal", "explanation": None, "category": None}, "Claude declined to answer."),
        ({"type": "refusal", "explanation": "Not this.", "category": "bio"}, "Not this."),
    ],
)
def test_a_refusal(details: Json | None, refusal: str) -> None:
    choice = chosen(stop="refusal", stop_details=details)
    assert (choice["finish_reason"], choice["message"]) == (
        "content_filter",
        {"role": "assistant", "content": None, "refusal": refusal},
    )


@pytest.mark.parametrize(
    "whole",
    [
        {},
        [],
        {"content": None},
        {"content": "x"},
        {"content": [{"type": "tool_use"}]},
        {"content": [{"type": "text"}]},
        {"content": [], "usage": "x"},
        {"content": [], "stop_reason": "refusal", "stop_details": "x"},
    ],
)
def test_what_is_no_answer_is_the_providers_fault(whole: Any) -> None:
    with pytest.raises(ProviderFailed) as caught:
        DIALECTS["anthropic"].response(whole, EXCHANGE)
    assert caught.value.http_status == 502
