"""One finished chat completion in Mistral's two framings: JSON, and a stream of events."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from managed_files.sandbox.answers import Json, Prompt, Said, tokens
from managed_files.sandbox.borders import at_odd_borders
from managed_files.sandbox.json_text import compact
from managed_files.sandbox.wire import Reply, json_reply


@dataclass(frozen=True)
class Call:
    """A tool call; `arguments` is JSON as text."""

    id: str
    name: str
    arguments: str

    def public(self, index: int) -> Json:
        function = {"name": self.name, "arguments": self.arguments}
        return {"id": self.id, "type": "function", "function": function, "index": index}


@dataclass(frozen=True)
class Choice:
    """One of the `n` answers: thoughts of a reasoning model, then a text or tool calls."""

    index: int
    thought: str
    said: Said
    calls: list[Call]

    @property
    def finish_reason(self) -> str:
        return "tool_calls" if self.calls else self.said.cut

    def message(self) -> Json:
        calls = [call.public(index) for index, call in enumerate(self.calls)] or None
        return {"role": "assistant", "content": self._content(), "tool_calls": calls, "prefix": False}

    def _content(self) -> Any:
        if not self.thought:
            return self.said.text
        return [_thinking(self.thought), *([{"type": "text", "text": self.said.text}] if self.said.tokens else [])]

    def deltas(self) -> Iterator[Json]:
        """Thoughts come as lists of chunks, the text as plain strings, every call in one piece."""
        yield {"role": "assistant", "content": ""}
        for word in tokens(self.thought):
            yield {"content": [_thinking(word)]}
        for word in self.said.tokens:
            yield {"content": word}
        if self.calls:
            yield {"content": "", "tool_calls": [call.public(index) for index, call in enumerate(self.calls)]}
        else:
            yield {"content": ""}


@dataclass(frozen=True)
class Completion:
    """A chat request, checked and answered."""

    body: Json
    prompt: Prompt
    choices: list[Choice]
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    created: int = field(default_factory=lambda: int(time.time()))

    def reply(self) -> Reply:
        """The answer: JSON, or a stream whose pieces end at odd byte borders."""
        if not self.body.get("stream"):
            return json_reply(self._whole())
        return Reply(200, at_odd_borders(self._events()), {"Content-Type": "text/event-stream; charset=utf-8"})

    def _head(self, kind: str) -> Json:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.body["model"]}

    def _whole(self) -> Json:
        choices = [
            {"index": choice.index, "finish_reason": choice.finish_reason, "message": choice.message()}
            for choice in self.choices
        ]
        return {**self._head("chat.completion"), "choices": choices, "usage": self._usage()}

    def _usage(self) -> Json:
        prompt = len(tokens(self.prompt.text)) + len(self.prompt.seen) * 100
        completion = sum(len(choice.said.tokens) + len(tokens(choice.thought)) for choice in self.choices)
        counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        return {**counts, "prompt_tokens_details": {"cached_tokens": 0}}

    def _events(self) -> Iterator[bytes]:
        """The last delta of a choice carries its finish reason, the last one of all the usage, asked for or not."""
        head = self._head("chat.completion.chunk")
        parts = [part for choice in self.choices for part in _parts(choice)]
        for part in parts[:-1]:
            yield _event({**head, "choices": [part]})
        yield _event({**head, "choices": parts[-1:], "usage": self._usage()})
        yield b"data: [DONE]\n\n"


def _parts(choice: Choice) -> list[Json]:
    parts: list[Json] = [
        {"index": choice.index, "delta": delta, "finish_reason": None, "logprobs": None} for delta in choice.deltas()
    ]
    parts[-1]["finish_reason"] = choice.finish_reason
    return parts


def _thinking(text: str) -> Json:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}], "closed": True}


def _event(data: Json) -> bytes:
    return b"data: " + compact(data) + b"\n\n"
