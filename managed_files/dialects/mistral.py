"""The dialect of Mistral: joins its request, answer and stream."""

from typing import Any

from managed_files.dialects import mistral_request
from managed_files.dialects.base import NO_ANSWER, PARTS, Exchange
from managed_files.dialects.mistral_answer import choice, usage
from managed_files.dialects.mistral_stream import MistralStream, head
from managed_files.errors import ProviderFailed


class MistralDialect:
    """POST /v1/chat/completions at Mistral."""

    name = "mistral"
    passthrough = False
    parts = PARTS

    def request(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        return mistral_request.translate(body, model)

    def response(self, answer: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        """Mistral's answer to a `chat.completion`. Raises ProviderFailed if it is none, or says that it broke off."""
        try:
            ends = [item.get("finish_reason") for item in answer["choices"]]
            choices = [choice(item, exchange) for item in answer["choices"]]
            total = {"usage": usage(answer["usage"])} if answer.get("usage") else {}
        except NO_ANSWER as error:
            raise ProviderFailed(self.name, "Mistral's answer has not the shape of one.") from error
        if not choices or "error" in ends:
            raise ProviderFailed(self.name, "Mistral broke off the answer.", retryable=True)
        return {**head(answer, exchange, "chat.completion"), "choices": choices, **total}

    def stream(self, exchange: Exchange) -> MistralStream:
        return MistralStream(exchange)
