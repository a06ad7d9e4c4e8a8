"""Gemini's event stream to OpenAI's. Knows when an answer is complete: Gemini sends no `[DONE]`."""

import json
from collections.abc import Sequence
from typing import Any

from managed_files.dialects.base import NO_ANSWER, Exchange
from managed_files.dialects.gemini_answer import CandidateReader, block_reason, logprobs, usage
from managed_files.dialects.sse import DONE, SseDecoder, error_event, event

Json = dict[str, Any]


class GeminiStream:
    """One streamed answer: a chunk per event that says something, then one with every finish reason, usage, `[DONE]`.

    The finish reasons wait for the end, because older models put STOP on every event.
    """

    def __init__(self, exchange: Exchange):
        self._exchange = exchange
        self._events = SseDecoder()
        self._readers: dict[int, CandidateReader] = {}
        self._usage: Json | None = None
        self._model = exchange.model
        self._blocked = False
        self._failed = False

    def feed(self, data: bytes) -> bytes:
        return b"".join(map(self._translate, self._events.feed(data)))

    def finish(self, broken: str | None = None) -> bytes:
        """The last chunks; instead of them an error event if a candidate lacks its finish reason, or `broken`."""
        if self._failed:
            return b""
        if broken is not None or not self._complete():
            return self._fail(broken or "Gemini's stream ended before the answer was complete.")
        readers = sorted(self._readers.items())
        ends = [_choice(index, reader.last(), finish_reason=reader.finish_reason()) for index, reader in readers]
        last = self._chunk([_choice(0, {}, finish_reason="content_filter")] if self._blocked else ends)
        total = self._chunk([], self._usage) if self._exchange.include_usage else b""
        return last + total + DONE

    def _complete(self) -> bool:
        readers = self._readers.values()
        return self._blocked or (bool(readers) and all(reader.finished for reader in readers))

    def _translate(self, data: bytes) -> bytes:
        if self._failed:
            return b""
        try:
            return self._translate_answer(json.loads(data))
        except NO_ANSWER:
            return self._fail("Gemini sent an event that is not a part of an answer.")

    def _translate_answer(self, answer: Any) -> bytes:
        if isinstance(answer, list):  # errors may come wrapped in an array
            answer = answer[0] if answer else {}
        if "error" in answer:
            return self._fail_with(answer["error"])
        self._model = answer.get("modelVersion") or self._model
        if metadata := answer.get("usageMetadata"):
            self._usage = usage(metadata)
        candidates = answer.get("candidates") or ()
        begun = self._begin(candidates)
        choices = [self._read(candidate) for candidate in candidates]
        if not choices and (reason := block_reason(answer)):
            self._blocked = True
            choices = [_choice(0, {"role": "assistant", "refusal": reason})]
        said = [choice for choice in choices if choice is not None]
        return begun + (self._chunk(said) if said else b"")

    def _begin(self, candidates: Sequence[Json]) -> bytes:
        """The roles of candidates that begin with probabilities, as OpenAI itself sends them.

        Its SDK counts probabilities twice that come in the first chunk of any choice but the first.
        """
        new = [index for one in candidates if (index := one.get("index", 0)) not in self._readers and logprobs(one)]
        for index in new:
            self._readers[index] = CandidateReader(index, self._exchange)
        return self._chunk([_choice(index, {"role": "assistant", "content": ""}) for index in new]) if new else b""

    def _read(self, candidate: Json) -> Json | None:
        index = candidate.get("index", 0)
        first = index not in self._readers
        reader = self._readers.setdefault(index, CandidateReader(index, self._exchange))
        delta = reader.read(candidate)
        if first:
            delta = {"role": "assistant", "content": "", **delta}
        probabilities = logprobs(candidate)
        return _choice(index, delta, logprobs=probabilities) if delta or probabilities else None

    def _fail_with(self, error: Json) -> bytes:
        """Google's error object: code is an HTTP status, status its name (google.rpc.Code)."""
        message = error.get("message") or "Gemini broke off the answer."
        return self._fail(message, code=str(error.get("status") or error.get("code") or "stream_interrupted"))

    def _fail(self, message: str, code: str = "stream_interrupted") -> bytes:
        self._failed = True
        return error_event(message, code=code)

    def _chunk(self, choices: list[Json], total: Json | None = None) -> bytes:
        return event(self._exchange.chunk(choices, total, model=self._model))


def _choice(index: int, delta: Json, *, logprobs: Json | None = None, finish_reason: str | None = None) -> Json:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
