"""One finished chat completion in OpenAI's two framings: JSON, and a stream of events."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from managed_files.sandbox.answers import Json, Prompt, Said, tokens
from managed_files.sandbox.borders import at_odd_borders
from managed_files.sandbox.json_text import compact
from managed_files.sandbox.wire import Reply, json_reply


@dataclass(frozen=True)
class Choice:
    """One of the `n` answers: a text, or tool calls as (id, name, arguments as JSON text)."""

    index: int
    said: Said
    calls: list[tuple[str, str, str]]

    @property
    def finish_reason(self) -> str:
        return "tool_calls" if self.calls else self.said.cut

    @property
    def output(self) -> list[str]:
        """The tokens that were produced, of text or of arguments."""
        return self.said.tokens or [token for _, _, arguments in self.calls for token in tokens(arguments)]


@dataclass(frozen=True)
class Completion:
    """A chat request, checked and answered. `extra`: keys that a flavour adds to answers and chunks."""

    body: Json
    prompt: Prompt
    choices: list[Choice]
    extra: Json = field(default_factory=dict)
    id: str = field(default_factory=lambda: "chatcmpl-" + secrets.token_hex(12))
    created: int = field(default_factory=lambda: int(time.time()))

    def reply(self, first_chunk: Json | None = None) -> Reply:
        """The answer: JSON, or a stream whose pieces end at odd byte borders. `first_chunk` goes ahead of it."""
        if not self.body.get("stream"):
            return json_reply(self._whole())
        headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        return Reply(200, at_odd_borders(self._events(first_chunk)), headers)

    def _head(self, kind: str) -> Json:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.body["model"],
            "service_tier": "default",
            "system_fingerprint": "fp_sandbox",
        }

    def _whole(self) -> Json:
        choices = [
            {
                "index": choice.index,
                "message": self._message(choice),
                "logprobs": self._logprobs(choice.said.tokens),
                "finish_reason": choice.finish_reason,
                **self.extra,
            }
            for choice in self.choices
        ]
        return {**self._head("chat.completion"), "choices": choices, "usage": self._usage()}

    def _message(self, choice: Choice) -> Json:
        message: Json = {"role": "assistant", "content": choice.said.text, "refusal": None, "annotations": []}
        if choice.calls:
            message["content"] = None
            message["tool_calls"] = [
                {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
                for call_id, name, arguments in choice.calls
            ]
        return message

    def _usage(self) -> Json:
        prompt = 8 + len(tokens(self.prompt.text)) + sum(258 for _ in self.prompt.seen)
        completion = sum(len(choice.output) for choice in self.choices)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        }

    def _logprobs(self, words: list[str]) -> Json | None:
        if not self.body.get("logprobs"):
            return None
        tops = self.body.get("top_logprobs") or 0
        entries: list[Json] = []
        for word in words:
            entry: Json = {"token": word, "logprob": -0.25, "bytes": list(word.encode())}
            others = [{**entry, "logprob": -0.25 - rank} for rank in range(tops)]
            entries.append({**entry, "top_logprobs": others})
        return {"content": entries, "refusal": None}

    # Stream

    def _events(self, first_chunk: Json | None) -> Iterator[bytes]:
        head = self._head("chat.completion.chunk")
        with_usage = bool((self.body.get("stream_options") or {}).get("include_usage"))
        usage = {"usage": None} if with_usage else {}
        if first_chunk is not None:
            yield _event({**head, "choices": [], **first_chunk})
        for choice in self.choices:
            for delta, words, finish in self._deltas(choice):
                part = {
                    "index": choice.index,
                    "delta": delta,
                    "logprobs": self._logprobs(words) if words else None,
                    "finish_reason": finish,
                    **self.extra,
                }
                yield _event({**head, "choices": [part], **usage})
        if with_usage:
            yield _event({**head, "choices": [], "usage": self._usage()})
        yield b"data: [DONE]\n\n"

    def _deltas(self, choice: Choice) -> Iterator[tuple[Json, list[str], str | None]]:
        content = None if choice.calls else ""
        yield {"role": "assistant", "content": content, "refusal": None}, [], None
        for number, (call_id, name, arguments) in enumerate(choice.calls):
            function = {"name": name, "arguments": ""}
            yield _call_delta({"index": number, "id": call_id, "type": "function", "function": function})
            for token in tokens(arguments):
                yield _call_delta({"index": number, "function": {"arguments": token}})
        for word in choice.said.tokens:
            yield {"content": word}, [word], None
        yield {}, [], choice.finish_reason


def _call_delta(call: Json) -> tuple[Json, list[str], None]:
    return {"tool_calls": [call]}, [], None


def _event(data: Json) -> bytes:
    return b"data: " + compact(data) + b"\n\n"
