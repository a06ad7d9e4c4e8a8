"""Gemini's whole answers, checked against OpenAI's API description and its SDK's types."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.errors import ProviderFailed
from tests.openai_schema import assert_valid

Json = dict[str, Any]
EXCHANGE = Exchange("chatcmpl-1", 1700000000, "public-name")
USAGE = {
    "promptTokenCount": 10,
    "toolUsePromptTokenCount": 1,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 3,
    "cachedContentTokenCount": 4,
    "totalTokenCount": 19,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 3}, {"modality": "AUDIO", "tokenCount": 7}],
}


def respond(answer: Json, exchange: Exchange = EXCHANGE) -> Json:
    response = DIALECTS["gemini"].response(answer, exchange)
    assert_valid("CreateChatCompletionResponse", response)
    ChatCompletion.model_validate(response, strict=True)
    return response


def candidate(*parts: Json, finish: str = "STOP", **more: Any) -> Json:
    return {"content": {"role": "model", "parts": list(parts)}, "finishReason": finish, **more}


def chosen(*parts: Json, finish: str = "STOP", exchange: Exchange = EXCHANGE, **more: Any) -> Json:
    (choice,) = respond({"candidates": [candidate(*parts, finish=finish, **more)]}, exchange)["choices"]
    return choice


def said(*parts: Json, **more: Any) -> Json:
    """The message, without the fields that every answer has."""
    message = chosen(*parts, **more)["message"]
    return {key: value for key, value in message.items() if key not in ("role", "refusal")}


def test_a_plain_answer() -> None:
    answer = {"candidates": [candidate({"text": "Hel"}, {"text": "lo"})], "usageMetadata": USAGE, "modelVersion": "g-1"}
    assert respond(answer) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "g-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 11,
            "completion_tokens": 8,
            "total_tokens": 19,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 7},
            "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0},
        },
    }


def test_without_a_version_the_model_is_the_one_that_was_asked() -> None:
    assert respond({"candidates": [candidate({"text": "a"})]})["model"] == "public-name"


def test_every_candidate_is_a_choice() -> None:
    answer = {"candidates": [candidate({"text": "a"}), candidate({"text": "b"}, index=1)]}
    assert [(c["index"], c["message"]["content"]) for c in respond(answer)["choices"]] == [(0, "a"), (1, "b")]


def test_tool_calls() -> None:
    first = {"functionCall": {"id": "c1", "name": "f", "args": {"é": 1}}, "thoughtSignature": "c2ln"}
    choice = chosen(first, {"functionCall": {"id": "c2", "name": "g"}})
    assert (choice["finish_reason"], choice["message"]) == (
        "tool_calls",
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"é": 1}'},
                    "extra_content": {"google": {"thought_signature": "c2ln"}},
                },
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ],
        },
    )


def test_a_call_without_an_id_gets_one_that_no_other_answer_has() -> None:
    call = {"functionCall": {"name": "f"}}
    other = Exchange("chatcmpl-2", 1, "m")
    ids = [c["id"] for c in (*said(call, call)["tool_calls"], *said(call, exchange=other)["tool_calls"])]
    assert (len(set(ids)), {len(i) for i in ids}) == (3, {29})


def test_a_request_with_functions_is_answered_with_function_call() -> None:
    choice = chosen({"functionCall": {"name": "f"}}, exchange=Exchange("chatcmpl-1", 1, "m", functions=True))
    assert (choice["finish_reason"], choice["message"]["function_call"]) == (
        "function_call",
        {"name": "f", "arguments": "{}"},
    )


def test_thoughts_are_no_content() -> None:
    parts = ({"text": "hm", "thought": True}, {"text": "a", "thoughtSignature": "c2ln"})
    assert said(*parts) == {
        "content": "a",
        "reasoning_content": "hm",
        "extra_content": {"google": {"thought_signature": "c2ln"}},
    }


def test_images() -> None:
    assert said({"inlineData": {"mimeType": "image/png", "data": "AA=="}})["images"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    ]


@pytest.mark.parametrize("name", ["citations", "citationSources"])
def test_what_is_quoted_keeps_its_source(name: str) -> None:
    source = {"startIndex": 3, "endIndex": 90, "uri": "https://a.example/b", "license": "mit"}
    assert said({"text": "a"}, citationMetadata={name: [source, source]}) == {"content": "a", "citations": [source]}


def test_what_an_answer_has_can_be_sent_back() -> None:
    call = {"functionCall": {"id": "c1", "name": "f", "args": {"x": 1}}, "thoughtSignature": "c2ln"}
    text = {"text": "a", "thoughtSignature": "dGV4dA=="}
    history = {"messages": [chosen({"text": "hm", "thought": True}, text, call)["message"]]}
    assert DIALECTS["gemini"].request(history, "gemini-3-pro")["contents"] == [{"role": "model", "parts": [text, call]}]


@pytest.mark.parametrize(
    ("finish", "reason", "refusal"),
    [
        ("STOP", "stop", None),
        ("MAX_TOKENS", "length", None),
        ("CONTINUATION", "length", None),
        ("FINISH_REASON_UNSPECIFIED", "stop", None),
        ("SAFETY", "content_filter", "Gemini ended the answer: SAFETY"),
        ("RECITATION", "content_filter", "Gemini ended the answer: RECITATION"),
        ("IMAGE_SAFETY", "content_filter", "Gemini ended the answer: IMAGE_SAFETY"),
        ("MODEL_ARMOR", "content_filter", "Gemini ended the answer: MODEL_ARMOR"),
        ("MALFORMED_FUNCTION_CALL", "stop", "Gemini ended the answer: MALFORMED_FUNCTION_CALL"),
        ("NEVER_HEARD_OF", "stop", "Gemini ended the answer: NEVER_HEARD_OF"),
    ],
)
def test_finish_reason(finish: str, reason: str, refusal: str | None) -> None:
    choice = chosen({"text": "a"}, finish=finish)
    assert (choice["finish_reason"], choice["message"]["refusal"]) == (reason, refusal)


def test_an_odd_end_says_what_gemini_said() -> None:
    message = chosen(finish="OTHER", finishMessage="bad luck")["message"]
    assert message == {"role": "assistant", "content": None, "refusal": "Gemini ended the answer: OTHER (bad luck)"}


def test_a_length_reached_while_thinking_leaves_no_parts() -> None:
    (choice,) = respond({"candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS"}]})["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("", "length")


def test_a_blocked_prompt_is_a_refusal() -> None:
    feedback = {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "not this"}
    answer = {"promptFeedback": feedback, "usageMetadata": {"promptTokenCount": 3}}
    response = respond(answer)
    assert (response["choices"], response["usage"]["total_tokens"]) == (
        [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None,
                    "refusal": "Gemini blocked the prompt: PROHIBITED_CONTENT (not this)",
                },
                "logprobs": None,
                "finish_reason": "content_filter",
            }
        ],
        3,
    )


def test_logprobs() -> None:
    result = {
        "chosenCandidates": [{"token": "é", "tokenId": 1, "logProbability": -0.5}, {"token": "!"}],
        "topCandidates": [
            {"candidates": [{"token": "é", "logProbability": -0.5}, {"token": "e", "logProbability": -2}]}
        ],
    }
    top = [{"token": "é", "logprob": -0.5, "bytes": [195, 169]}, {"token": "e", "logprob": -2, "bytes": [101]}]
    assert chosen({"text": "é!"}, logprobsResult=result)["logprobs"] == {
        "content": [{**top[0], "top_logprobs": top}, {"token": "!", "logprob": 0.0, "bytes": [33], "top_logprobs": []}],
        "refusal": None,
    }


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"candidates": []},
        {"promptFeedback": {}},
        {"candidates": "x"},
        {"candidates": [{"content": {"parts": [{"functionCall": {}}]}}]},
        {"candidates": [candidate({"text": "a"})], "usageMetadata": "x"},
    ],
)
def test_what_is_no_answer_is_the_providers_fault(answer: Json) -> None:
    with pytest.raises(ProviderFailed) as caught:
        respond(answer)
    assert caught.value.http_status == 502
