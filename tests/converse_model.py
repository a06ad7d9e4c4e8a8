"""Converse as AWS describes it: blocks and answers, and botocore's service model to hold them against."""

from functools import cache
from typing import Any

from botocore.session import Session
from botocore.validate import ParamValidator
from openai.types.chat import ChatCompletion

from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from tests.openai_schema import assert_valid

Json = dict[str, Any]


@cache
def _operation() -> Any:
    return Session().get_service_model("bedrock-runtime").operation_model("Converse")


def assert_request(request: Json) -> None:
    """Fails, naming every place, unless botocore would send it."""
    report = ParamValidator().validate({"modelId": "m", **request}, _operation().input_shape)
    assert not report.has_errors(), report.generate_report()


def assert_answer(answer: Json) -> None:
    """The same for what a stand-in, or a test, says that Bedrock answers."""
    report = ParamValidator().validate(answer, _operation().output_shape)
    assert not report.has_errors(), report.generate_report()


USAGE = {"inputTokens": 5, "outputTokens": 3, "totalTokens": 12, "cacheReadInputTokens": 4, "cacheWriteInputTokens": 0}
OUR_USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 3,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
}
SERVER_USE = {"toolUse": {"toolUseId": "s1", "name": "search", "type": "server_tool_use", "input": {}}}


def answer(*blocks: Json, reason: str = "end_turn") -> Json:
    message = {"role": "assistant", "content": list(blocks)}
    return {"output": {"message": message}, "stopReason": reason, "usage": USAGE, "metrics": {"latencyMs": 1}}


def text(words: str) -> Json:
    return {"text": words}


def thought(words: str, signature: str | None = "c2ln") -> Json:
    return {"reasoningContent": {"reasoningText": {"text": words, **({"signature": signature} if signature else {})}}}


def use(arguments: Json, call_id: str = "c1") -> Json:
    return {"toolUse": {"toolUseId": call_id, "name": "look", "input": arguments}}


def whole(*blocks: Json, reason: str = "end_turn") -> Json:
    """The choice of a complete answer, both of the shapes that they should have."""
    told = answer(*blocks, reason=reason)
    assert_answer(told)
    value = DIALECTS["converse"].response(told, Exchange("chatcmpl-1", 1700000000, "public-name"))
    assert_valid("CreateChatCompletionResponse", value)
    ChatCompletion.model_validate(value, strict=True)
    assert value["usage"] == OUR_USAGE
    choice: Json = value["choices"][0]
    return choice
