"""Bedrock's whole answers: what they hold, and what is no answer at all."""

from typing import Any

import pytest

from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.errors import ProviderFailed
from tests.converse_model import SERVER_USE, answer, text, thought, use, whole

Json = dict[str, Any]
EXCHANGE = Exchange("chatcmpl-1", 1700000000, "public-name")


def test_everything_that_an_answer_may_hold() -> None:
    hidden = {"reasoningContent": {"redactedContent": "aGlkZGVu"}}
    image = {"image": {"format": "png", "source": {"bytes": "aGk="}}}
    cited = {"citationsContent": {"content": [{"text": "?"}], "citations": []}}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    assert whole(thought("hm"), hidden, text("Hi"), cited, image, SERVER_USE, use({"ä": 1}), reason="tool_use") == {
        "index": 0,
        "logprobs": None,
        "finish_reason": "tool_calls",
        "message": {
            "role": "assistant",
            "content": "Hi?",
            "refusal": None,
            "reasoning_content": "hm",
            "thinking_blocks": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "aGlkZGVu"},
            ],
            "images": [picture],
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"ä": 1}'}}],
        },
    }


def test_what_only_bedrock_tells_is_passed_on() -> None:
    extra = {"trace": {"guardrail": {}}, "additionalModelResponseFields": {"a": 1}}
    value = DIALECTS["converse"].response({**answer(text("a")), **extra}, EXCHANGE)
    assert {name: value[name] for name in extra} == extra


@pytest.mark.parametrize(
    "junk", [{}, {"output": {}}, {**answer(), "usage": None}, {**answer(), "output": {"message": []}}]
)
def test_something_else_than_an_answer_is_a_failure(junk: Json) -> None:
    with pytest.raises(ProviderFailed):
        DIALECTS["converse"].response(junk, EXCHANGE)
