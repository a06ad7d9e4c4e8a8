"""The dialect of Anthropic's Messages: joins its request, answer and stream."""

from typing import Any

from managed_files.dialects import anthropic_request
from managed_files.dialects.anthropic_stream import AnthropicStream
from managed_files.dialects.anthropic_usage import service_tier, usage
from managed_files.dialects.anthropic_whole import whole_message
from managed_files.dialects.base import NO_ANSWER, Exchange
from managed_files.errors import ProviderFailed


class AnthropicDialect:
    """POST /v1/messages, with and without `stream`."""

    name = "anthropic"
    passthrough = False
    parts = ("text", "image_url", "file")

    def request(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        return anthropic_request.translate(body, model)

    def response(self, answer: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        """A Message to a `chat.completion`. Raises ProviderFailed if it is none."""
        try:
            message, reason = whole_message(answer, exchange)
            counts = answer.get("usage") or {}
            total = {"usage": usage(counts), **service_tier(counts)} if counts else {}
        except NO_ANSWER as error:
            raise ProviderFailed(self.name, "Anthropic's answer has not the shape of one.") from error
        return {
            "id": exchange.id,
            "object": "chat.completion",
            "created": exchange.created,
            "model": answer.get("model") or exchange.model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
            **total,
        }

    def stream(self, exchange: Exchange) -> AnthropicStream:
        return AnthropicStream(exchange)
