"""Mistral's whole answers, checked against OpenAI's API description and its SDK's types."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.errors import ProviderFailed
from tests.openai_schema import assert_valid

Json = dict[str, Any]
EXCHANGE = Exchange("chatcmpl-1", 1700000000, "public-name")
FUNCTIONS = Exchange("chatcmpl-1", 1700000000, "public-name", functions=True)
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True, "signature": "s"}
CALL = {"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}, "index": 0}


def respond(answer: Json, exchange: Exchange = EXCHANGE) -> Json:
    response = DIALECTS["mistral"].response(answer, exchange)
    assert_valid("CreateChatCompletionResponse", response)
    ChatCompletion.model_validate(response, strict=True)
    return response


def chosen(message: Json, *, finish: str = "stop", exchange: Exchange = EXCHANGE, **more: Any) -> Json:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, **more}
    (made,) = respond({"choices": [choice]}, exchange)["choices"]
    return made


def said(message: Json, **more: Any) -> Json:
    """The message, without the fields that every answer has."""
    made = chosen(message, **more)["message"]
    return {key: value for key, value in made.items() if key not in ("role", "refusal")}


def test_a_plain_answer() -> None:
    answer = {
        "id": "cmpl-1",
        "object": "chat.completion",
        "created": 1700000001,
        "model": "mistral-small-2506",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hi", "tool_calls": None}, "finish_reason": "stop"}
        ],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "total_tokens": 11,
            "prompt_tokens_details": {"cached_tokens": 8},
        },
    }
    assert respond(answer) == {
        "id": "cmpl-1",
        "object": "chat.completion",
        "created": 1700000001,
        "model": "mistral-small-2506",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "total_tokens": 11,
            "prompt_tokens_details": {"cached_tokens": 8},
        },
    }


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 1, "completion_tokens": 2}, (1, 2, 3, 0)),
        ({"prompt_tokens": 1, "total_tokens": 4, "num_cached_tokens": 1, "prompt_audio_seconds": None}, (1, 0, 4, 1)),
    ],
)
def test_usage(usage: Json, counts: tuple[int, ...]) -> None:
    answer = {"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}], "usage": usage}
    total = respond(answer)["usage"]
    plain = (total["prompt_tokens"], total["completion_tokens"], total["total_tokens"])
    assert (*plain, total["prompt_tokens_details"]["cached_tokens"]) == counts


def test_every_choice() -> None:
    message = {"role": "assistant", "content": "a"}
    choices = [{"index": index, "message": message, "finish_reason": "stop"} for index in (0, 1)]
    assert [choice["index"] for choice in respond({"choices": choices})["choices"]] == [0, 1]


def test_thoughts_are_no_content() -> None:
    assert said({"content": [THOUGHT, {"type": "text", "text": "a"}]}) == {
        "content": "a",
        "reasoning_content": "hm",
        "extra_content": {"mistral": {"signature": "s"}},
    }


def test_other_chunks_are_kept_for_the_next_turn() -> None:
    reference = {"type": "reference", "reference_ids": [1]}
    assert said({"content": [{"type": "text", "text": "a"}, reference, reference]}) == {
        "content": "a",
        "extra_content": {"mistral": {"chunks": [reference, reference]}},
    }


def test_tool_calls() -> None:
    second = {"id": "ihgfedcba", "function": {"name": "g", "arguments": {"é": 1}}, "index": 1}
    choice = chosen({"content": "", "tool_calls": [CALL, second]}, finish="tool_calls")
    assert (choice["finish_reason"], choice["message"]) == (
        "tool_calls",
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "tool_calls": [
                {"id": "abcdefghi", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
                {"id": "ihgfedcba", "type": "function", "function": {"name": "g", "arguments": '{"é": 1}'}},
            ],
        },
    )


def test_a_call_without_an_id_gets_one_that_no_other_answer_has() -> None:
    call = {"id": "null", "function": {"name": "f", "arguments": "{}"}}
    calls = {"tool_calls": [{**call, "index": 0}, {**call, "index": 1}]}
    other = Exchange("chatcmpl-2", 1, "m")
    ids = [call["id"] for call in (*said(calls)["tool_calls"], *said(calls, exchange=other)["tool_calls"])]
    assert (len(set(ids)), {len(key) for key in ids}) == (4, {9})


def test_a_request_with_functions_is_answered_with_function_call() -> None:
    choice = chosen({"content": "", "tool_calls": [CALL]}, finish="tool_calls", exchange=FUNCTIONS)
    assert (choice["finish_reason"], choice["message"]["function_call"]) == (
        "function_call",
        {"name": "f", "arguments": '{"x": 1}'},
    )


def test_tools_that_ran_at_mistral_leave_the_assistants_words() -> None:
    messages = [
        {"role": "assistant", "content": "Let me see. ", "tool_calls": None},
        {"role": "tool", "content": "4", "tool_call_id": "abcdefghi"},
        {"role": "assistant", "content": [{"type": "text", "text": "It is 4."}]},
    ]
    answer = {"choices": [{"index": 0, "messages": messages, "finish_reason": "stop"}]}
    assert respond(answer)["choices"][0]["message"]["content"] == "Let me see. It is 4."


def test_logprobs() -> None:
    top = {"token": "é", "logprob": -0.5, "bytes": [195, 169], "token_id": 7}
    plain = {key: value for key, value in top.items() if key != "token_id"}
    given = {"content": [{**top, "top_logprobs": [top]}, top]}
    assert chosen({"content": "é"}, logprobs=given)["logprobs"] == {
        "content": [{**plain, "top_logprobs": [plain]}, {**plain, "top_logprobs": []}],
        "refusal": None,
    }


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("stop", "stop"), ("length", "length"), ("model_length", "length"), ("never_heard_of", "stop")],
)
def test_finish_reason(finish: str, reason: str) -> None:
    assert chosen({"content": "a"}, finish=finish)["finish_reason"] == reason


def test_what_an_answer_has_can_be_sent_back() -> None:
    reference = {"type": "reference", "reference_ids": [1]}
    given = {"content": [THOUGHT, {"type": "text", "text": "a"}, reference], "tool_calls": [CALL]}
    request = DIALECTS["mistral"].request({"messages": [chosen(given)["message"]]}, "m")
    call = {key: value for key, value in CALL.items() if key != "index"}
    assert request["messages"] == [{"role": "assistant", **given, "tool_calls": [call]}]


@pytest.mark.parametrize(
    ("answer", "retryable"),
    [
        ({}, False),
        ({"choices": "x"}, False),
        ({"choices": [{"index": 0}]}, False),
        ({"choices": [{"index": 0, "message": {"content": 5}}]}, False),
        ({"choices": [{"index": 0, "message": {"tool_calls": [{}]}}]}, False),
        ({"choices": []}, True),
        ({"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "error"}]}, True),
    ],
)
def test_what_is_no_answer_is_the_providers_fault(answer: Json, retryable: bool) -> None:
    with pytest.raises(ProviderFailed) as caught:
        respond(answer)
    assert (caught.value.http_status, caught.value.retryable) == (502, retryable)
