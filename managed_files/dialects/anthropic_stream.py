"""Anthropic's event stream to OpenAI's: message_start … message_stop, pings and errors in between."""

import json
from typing import Any

from managed_files.dialects.anthropic_answer import AnswerReader
from managed_files.dialects.anthropic_usage import service_tier, usage
from managed_files.dialects.base import NO_ANSWER, Exchange
from managed_files.dialects.sse import DONE, SseDecoder, error_event, event

Json = dict[str, Any]


class AnthropicStream:
    """One streamed answer: a chunk per event that says something, and at message_stop the reason, usage and `[DONE]`.

    Events of kinds that we do not know are passed over, as Anthropic asks of its clients.
    """

    def __init__(self, exchange: Exchange):
        self._exchange = exchange
        self._events = SseDecoder()
        self._reader = AnswerReader(exchange)
        self._model = exchange.model
        self._counts: Json = {}
        self._over = False

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._translate, self._events.feed(data)))

    def finish(self, broken: str | None = None) -> bytes:
        """Nothing more after message_stop or an error; otherwise the error event in place of the rest."""
        if self._over:
            return b""
        return self._fail(broken or "Anthropic's stream ended before the answer was complete.")

    def _translate(self, data: bytes) -> bytes:
        if self._over:
            return b""
        try:
            return self._translate_event(json.loads(data))
        except NO_ANSWER:
            return self._fail("Anthropic sent an event that is not a part of an answer.")

    def _translate_event(self, told: Json) -> bytes:
        match told["type"]:
            case "message_start":
                return self._begin(told["message"])
            case "content_block_start":
                return self._say(self._reader.start(told["index"], told["content_block"]))
            case "content_block_delta":
                return self._say(self._reader.grow(told["index"], told["delta"]))
            case "content_block_stop":
                return self._say(self._reader.stop(told["index"]))
            case "message_delta":
                self._reader.end(told["delta"])
                self._count(told.get("usage"))
            case "message_stop":
                return self._end()
            case "error":
                error = told["error"]
                return self._fail(error.get("message") or "Anthropic broke off the answer.", error.get("type"))
        return b""

    def _begin(self, message: Json) -> bytes:
        self._model = message.get("model") or self._model
        self._count(message.get("usage"))
        return self._chunk([_choice({"role": "assistant", "content": ""})])

    def _count(self, counts: Json | None) -> None:
        """Counts are totals so far: a later one replaces an earlier one."""
        self._counts |= {name: value for name, value in (counts or {}).items() if value is not None}

    def _say(self, delta: Json) -> bytes:
        return self._chunk([_choice(delta)]) if delta else b""

    def _end(self) -> bytes:
        self._over = True
        last = self._say(self._reader.last()) + self._chunk([_choice({}, self._reader.finish_reason())])
        total = self._chunk([], usage(self._counts)) if self._exchange.include_usage else b""
        return last + total + DONE

    def _fail(self, message: str, code: str | None = None) -> bytes:
        self._over = True
        return error_event(message, code=code or "stream_interrupted")

    def _chunk(self, choices: list[Json], total: Json | None = None) -> bytes:
        chunk = self._exchange.chunk(choices, total, model=self._model)
        return event({**chunk, **service_tier(self._counts)})


def _choice(delta: Json, finish_reason: str | None = None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
