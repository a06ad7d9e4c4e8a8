"""The dialect of Amazon Bedrock's Converse API, for any of its models: joins its request, answer and stream."""

from typing import Any

from managed_files.dialects import converse_request
from managed_files.dialects.base import NO_ANSWER, PARTS, Exchange
from managed_files.dialects.converse_answer import extras, finish_reason, message, refusal, usage
from managed_files.dialects.converse_stream import ConverseStream
from managed_files.errors import ProviderFailed


class ConverseDialect:
    """Converse and ConverseStream. Source: botocore's service model of bedrock-runtime (2023-09-30)."""

    name = "converse"
    passthrough = False
    parts = PARTS

    def request(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        return converse_request.translate(body, model)

    def response(self, answer: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        """A ConverseResponse to a `chat.completion`. Raises ProviderFailed if it is none."""
        try:
            said, called = message(answer["output"]["message"], exchange)
            reason = finish_reason(answer["stopReason"], called=called, functions=exchange.functions)
            said["refusal"] = refusal(answer["stopReason"])
            total = usage(answer["usage"])
        except NO_ANSWER as error:
            raise ProviderFailed(self.name, "Bedrock's answer has not the shape of one.") from error
        choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": reason}
        return {
            "id": exchange.id,
            "object": "chat.completion",
            "created": exchange.created,
            "model": exchange.model,
            "choices": [choice],
            "usage": total,
            **extras(answer),
        }

    def stream(self, exchange: Exchange) -> ConverseStream:
        return ConverseStream(exchange)
