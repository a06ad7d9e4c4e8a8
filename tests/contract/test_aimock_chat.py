"""Chats through the whole gateway to aimock, which cannot share our mistakes: what it says, as clients receive it."""

import json
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from werkzeug.test import TestResponse

from managed_files.dialects.sse import SseDecoder
from tests.contract.aimock import MODELS
from tests.gateway import Bench
from tests.openai_schema import assert_valid

Json = dict[str, Any]
LOOKED_UP = [
    ("call_paris", "weather", {"city": "Paris", "days": 2}),
    ("call_oslo", "weather", {"city": "Oslo", "unit": "°C"}),
]
# Text, thoughts, calls, finish reason, and tokens in and out.
ANSWERS: dict[str, tuple[Any, ...]] = {
    "Say hello": ("Grüezi 👋, how can I help you today?", None, [], "stop", 11, 9),
    "Say too much": ("Once upon a time there was", None, [], "length", 11, 6),
    "Think first": ("It is 4.", "Two and two makes… four.", [], "stop", 11, 19),
    "Compare the weather": ("", None, LOOKED_UP, "tool_calls", 40, 20),
    "Announce and look": (
        "I am looking it up.", None, [("call_rome", "weather", {"city": "Rome"})], "tool_calls", 40, 15,
    ),
}  # fmt: skip


def ask(gateway: Bench, model: str, question: str, **fields: Any) -> TestResponse:
    """One user message."""
    return gateway.chat(model, {"type": "text", "text": question}, **fields)


def told(answer: Json) -> tuple[Any, ...]:
    """A `chat.completion` as a row of ANSWERS."""
    (choice,), usage = answer["choices"], answer["usage"]
    message = choice["message"]
    calls = [(call["id"], call["function"]) for call in message.get("tool_calls") or ()]
    read = [(call_id, function["name"], json.loads(function["arguments"])) for call_id, function in calls]
    tokens = usage["prompt_tokens"], usage["completion_tokens"]
    return message["content"] or "", message.get("reasoning_content"), read, choice["finish_reason"], *tokens


def assembled(events: list[bytes]) -> Json:
    """The stream put together by OpenAI's own library, every chunk of it checked."""
    state = ChatCompletionStreamState()
    for event in events:
        assert_valid("CreateChatCompletionStreamResponse", json.loads(event))
        state.handle_chunk(ChatCompletionChunk.model_validate_json(event))
    return state.current_completion_snapshot.to_dict()


@pytest.mark.parametrize("question", ANSWERS)
@pytest.mark.parametrize("model", MODELS)
def test_an_answer_comes_in_openais_words(gateway: Bench, model: str, question: str) -> None:
    answer: Any = ask(gateway, model, question).get_json()

    assert_valid("CreateChatCompletionResponse", answer)
    assert told(answer) == ANSWERS[question]


@pytest.mark.parametrize("question", ANSWERS)
@pytest.mark.parametrize("model", MODELS)
def test_a_stream_comes_to_the_same(gateway: Bench, model: str, question: str) -> None:
    stream = ask(gateway, model, question, stream=True, stream_options={"include_usage": True}).data
    *events, done = SseDecoder().feed(stream)

    assert (told(assembled(events)), done) == (ANSWERS[question], b"[DONE]")


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_that_breaks_off_ends_with_an_error(gateway: Bench, model: str) -> None:
    *_, last = SseDecoder().feed(ask(gateway, model, "Break off", stream=True).data)

    assert_valid("ErrorResponse", json.loads(last))


@pytest.mark.parametrize(
    ("question", "status", "retry_after", "words"),
    [
        ("Be busy", 429, "7", "Slow down, please."),
        ("Be overloaded", 503, None, "Too much to do."),
        ("Be particular", 400, None, "I do not like this."),
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_a_refusal_keeps_its_words(
    gateway: Bench, model: str, question: str, status: int, retry_after: str | None, words: str
) -> None:
    answer = ask(gateway, model, question)

    assert_valid("ErrorResponse", answer.get_json())
    got = answer.status_code, answer.headers.get("Retry-After"), words in answer.text
    assert got == (status, retry_after, True)
