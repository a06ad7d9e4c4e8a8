"""ConverseStream's binary events to OpenAI's chunks. Knows the frames of `application/vnd.amazon.eventstream`.

Source: botocore's service model, shape ConverseStreamOutput; frames are decoded, and their checksums compared, by
botocore.eventstream, which does no input or output.
"""

import json
from typing import Any

from managed_files.dialects.base import NO_ANSWER, Exchange
from managed_files.dialects.converse_answer import extras, finish_reason, from_server, refusal, usage
from managed_files.dialects.converse_block import StreamedBlock
from managed_files.dialects.sse import DONE, error_event, event

Json = dict[str, Any]

_AT_THE_END = ("thinking_blocks", "images")


class ConverseStream:
    """One streamed answer: a chunk per event that says something, the finish reason, usage, `[DONE]`.

    What OpenAI's deltas have no rule for comes once, at the end: clients put two of them together each in its own way.
    """

    def __init__(self, exchange: Exchange):
        from botocore.eventstream import EventStreamBuffer, ParserError  # botocore costs memory: first use only

        self._exchange = exchange
        self._frames = EventStreamBuffer()
        self._broken_frame = ParserError
        self._blocks: dict[int, StreamedBlock] = {}
        self._calls = 0
        self._usage: Json | None = None
        self._extras: Json = {}
        self._last: dict[str, list[Json]] = {}
        self._stopped = False
        self._failed = False

    def feed(self, data: bytes) -> bytes:
        if self._failed:
            return b""
        self._frames.add_data(data)
        out = []
        try:
            for frame in self._frames:
                out.append(self._translate(frame.headers, frame.payload))
                if self._failed:
                    break
        except (self._broken_frame, *NO_ANSWER):
            out.append(self._fail("Bedrock sent an event that is not a part of an answer."))
        return b"".join(out)

    def finish(self, broken: str | None = None) -> bytes:
        """Usage and `[DONE]`; instead of them an error event if the model had not stopped yet, or `broken`."""
        if self._failed:
            return b""
        if broken is not None or not self._stopped:
            return self._fail(broken or "Bedrock's stream ended before the answer was complete.")
        total = self._chunk([], self._usage) if self._exchange.include_usage or self._extras else b""
        return total + DONE

    def _translate(self, headers: Json, payload: bytes) -> bytes:
        match headers.get(":message-type"):
            case "exception":
                told = json.loads(payload)
                return self._fail(
                    told.get("message") or told.get("Message") or "Bedrock broke off the answer.",
                    code=str(headers[":exception-type"]),
                )
            case "error":
                message = str(headers.get(":error-message") or "Bedrock broke off the answer.")
                return self._fail(message, code=str(headers[":error-code"]))
            case _:
                deltas = filter(None, map(self._kept, self._deltas(headers[":event-type"], json.loads(payload))))
                return b"".join(self._chunk([_choice(delta)]) for delta in deltas) + self._end(headers, payload)

    def _end(self, headers: Json, payload: bytes) -> bytes:
        if headers[":event-type"] != "messageStop":
            return b""
        stop = json.loads(payload)
        self._stopped, reason = True, stop["stopReason"]
        self._extras |= extras(stop)
        delta = {**self._last, **({"refusal": told} if (told := refusal(reason)) else {})}
        word = finish_reason(reason, called=self._calls > 0, functions=self._exchange.functions)
        return self._chunk([_choice(delta, word)])

    def _kept(self, delta: Json) -> Json:
        """What of the delta is told now."""
        for name in _AT_THE_END:
            if name in delta:
                self._last.setdefault(name, []).extend(delta.pop(name))
        return delta

    def _deltas(self, kind: str, told: Json) -> list[Json]:
        match kind:
            case "messageStart":
                return [{"role": "assistant", "content": ""}]
            case "contentBlockStart":
                return self._begin(told["contentBlockIndex"], told["start"])
            case "contentBlockDelta":
                return self._block(told["contentBlockIndex"]).take(told["delta"])
            case "contentBlockStop":
                block = self._blocks.pop(told["contentBlockIndex"], None)
                return block.end() if block else []
            case "metadata":
                self._usage = usage(told["usage"])
                self._extras |= extras(told)
        return []

    def _block(self, index: int) -> StreamedBlock:
        """Text begins without a contentBlockStart."""
        return self._blocks.setdefault(index, StreamedBlock())

    def _begin(self, index: int, start: Json) -> list[Json]:
        block = self._blocks[index] = StreamedBlock()
        if "image" in start:
            block.image_format = start["image"]["format"]
        if "toolResult" in start or ("toolUse" in start and from_server(start["toolUse"])):
            block.hidden = True
        elif "toolUse" in start:
            place, self._calls = self._calls, self._calls + 1
            return block.call(start["toolUse"], place, self._exchange)
        return []

    def _fail(self, message: str, code: str = "stream_interrupted") -> bytes:
        self._failed = True
        return error_event(message, code=code)

    def _chunk(self, choices: list[Json], total: Json | None = None) -> bytes:
        chunk = self._exchange.chunk(choices, total)
        return event(chunk if choices else {**chunk, **self._extras})


def _choice(delta: Json, finish_reason: str | None = None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
