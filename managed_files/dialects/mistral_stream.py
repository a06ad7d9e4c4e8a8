"""Mistral's event stream to OpenAI's. Knows when an answer is complete, and what an error in mid-stream looks like."""

import json
from typing import Any

from managed_files.dialects.base import NO_ANSWER, Exchange
from managed_files.dialects.mistral_answer import ChoiceReader, logprobs, usage
from managed_files.dialects.sse import DONE, SseDecoder, error_event, event

Json = dict[str, Any]


class MistralStream:
    """One streamed answer: a chunk for each event that says something, then usage if it is wanted, then `[DONE]`."""

    def __init__(self, exchange: Exchange):
        self._exchange = exchange
        self._events = SseDecoder()
        self._readers: dict[int, ChoiceReader] = {}
        self._head: Json = {}
        self._usage: Json | None = None
        self._done = False
        self._failed = False

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._translate, self._events.feed(data)))

    def finish(self, broken: str | None = None) -> bytes:
        """The last events; instead of them an error event if a choice lacks its finish reason, or `broken`."""
        if self._failed:
            return b""
        readers = self._readers.values()
        complete = bool(readers) and all(reader.finished for reader in readers)
        if not complete or (broken is not None and not self._done):
            return self._fail(broken or "Mistral's stream ended before the answer was complete.")
        total = self._chunk([], self._usage) if self._exchange.include_usage else b""
        return total + DONE

    def _translate(self, data: bytes) -> bytes:
        if self._failed or self._done:
            return b""
        if data.strip() == b"[DONE]":
            self._done = True
            return b""
        try:
            return self._translate_chunk(json.loads(data))
        except NO_ANSWER:
            return self._fail("Mistral sent an event that is not a part of an answer.")

    def _translate_chunk(self, chunk: Json) -> bytes:
        if "choices" not in chunk:
            return self._fail(*_told(chunk))
        self._head = self._head or head(chunk, self._exchange, "chat.completion.chunk")
        if chunk.get("usage"):
            self._usage = usage(chunk["usage"])
        said = [made for choice in chunk["choices"] if (made := self._read(choice)) is not None]
        if any(reader.finished == "error" for reader in self._readers.values()):
            return self._fail("Mistral broke off the answer.")
        ends = [end for choice in said if (end := _end_after_calls(choice)) is not None]
        return (self._chunk(said) if said else b"") + (self._chunk(ends) if ends else b"")

    def _read(self, choice: Json) -> Json | None:
        index = choice.get("index", 0)
        first = index not in self._readers
        reader = self._readers.setdefault(index, ChoiceReader(index, self._exchange))
        delta = reader.read(choice["delta"])
        if first:
            delta = {"role": "assistant", "content": "", **delta}
        if ends := choice.get("finish_reason"):
            reader.finished = ends
            delta |= reader.last()
        probabilities = logprobs(choice)
        if not (delta or ends or probabilities):
            return None
        reason = reader.finish_reason() if ends else None
        return {"index": index, "delta": delta, "logprobs": probabilities, "finish_reason": reason}

    def _fail(self, message: str, code: str = "stream_interrupted") -> bytes:
        self._failed = True
        return error_event(message, code=code)

    def _chunk(self, choices: list[Json], total: Json | None = None) -> bytes:
        chunk = {**self._head, "choices": choices}
        return event(chunk | ({"usage": total} if self._exchange.include_usage else {}))


def _end_after_calls(choice: Json) -> Json | None:
    """Takes the finish reason out of a choice that has calls, as a choice of its own.

    OpenAI's SDK tells the end of a call only by what follows the chunk that the call came in.
    """
    reason = choice["finish_reason"]
    if reason is None or choice["delta"].keys().isdisjoint(("tool_calls", "function_call")):
        return None
    choice["finish_reason"] = None
    return {**choice, "delta": {}, "logprobs": None, "finish_reason": reason}


def head(answer: Json, exchange: Exchange, kind: str) -> Json:
    """The fields before the choices: Mistral's own, as its support asks for them, or else the exchange's."""
    return {
        "id": answer.get("id") or exchange.id,
        "object": kind,
        "created": answer.get("created") or exchange.created,
        "model": answer.get("model") or exchange.model,
    }


def _told(answer: Json) -> tuple[str, str]:
    """Message and code of an error that came instead of a chunk."""
    error = answer.get("error", answer)
    if not isinstance(error, dict):
        return str(error), "stream_interrupted"
    message = error.get("message") or error.get("detail") or "Mistral broke off the answer."
    return str(message), str(error.get("code") or error.get("type") or "stream_interrupted")
