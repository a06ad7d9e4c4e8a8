"""The dialect of Gemini, at Vertex AI and at the Gemini API: joins its request, answer and stream."""

from typing import Any

from managed_files.dialects import gemini_request
from managed_files.dialects.base import NO_ANSWER, PARTS, Exchange
from managed_files.dialects.gemini_answer import block_reason, choice, usage
from managed_files.dialects.gemini_stream import GeminiStream
from managed_files.errors import Inexpressible, ProviderFailed


class GeminiDialect:
    """generateContent and streamGenerateContent?alt=sse."""

    name = "gemini"
    passthrough = False
    parts = PARTS

    def request(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        return gemini_request.translate(body, model)

    def response(self, answer: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        """A GenerateContentResponse to a `chat.completion`. Raises ProviderFailed if it is none."""
        try:
            choices = _choices(answer, exchange)
            total = {"usage": usage(answer["usageMetadata"])} if answer.get("usageMetadata") else {}
        except NO_ANSWER as error:
            raise ProviderFailed(self.name, "Gemini's answer has not the shape of one.") from error
        if not choices:
            raise ProviderFailed(self.name, "Gemini answered without a candidate.", retryable=True)
        return {
            "id": exchange.id,
            "object": "chat.completion",
            "created": exchange.created,
            "model": answer.get("modelVersion") or exchange.model,
            "choices": choices,
            **total,
        }

    def stream(self, exchange: Exchange) -> GeminiStream:
        return GeminiStream(exchange)


class GeminiAPIDialect(GeminiDialect):
    """As the Gemini API of Google AI Studio takes it: without the labels, which are Google Cloud's, for its bills."""

    name = "gemini_api"

    def request(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        request = super().request(body, model)
        if "labels" in request:
            field = "metadata" if body.get("metadata") else "labels"
            raise Inexpressible(f"The Gemini API cannot express '{field}'; leave it out for this model.", param=field)
        return request


def _choices(answer: dict[str, Any], exchange: Exchange) -> list[dict[str, Any]]:
    candidates = answer.get("candidates") or []
    if not candidates and (reason := block_reason(answer)):
        message = {"role": "assistant", "content": None, "refusal": reason}
        return [{"index": 0, "message": message, "logprobs": None, "finish_reason": "content_filter"}]
    return [choice(candidate, candidate.get("index", i), exchange) for i, candidate in enumerate(candidates)]
