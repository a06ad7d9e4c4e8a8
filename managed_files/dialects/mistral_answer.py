"""A choice of Mistral's answer to one of OpenAI's, whole or piece by piece; usage and finish reasons.

Wire facts: Mistral's API description (ChatCompletionChoice, DeltaMessage, UsageInfo), its Python SDK 3.7, and its page
on prompt caching for the cached tokens.
"""

from collections.abc import Iterator
from typing import Any

from managed_files.dialects.base import Exchange
from managed_files.dialects.mistral_calls import CallReader

Json = dict[str, Any]

_REASONS = {"stop": "stop", "length": "length", "model_length": "length", "tool_calls": "tool_calls"}


class ChoiceReader:
    """Reads one choice, in one piece or in many.

    Text and thoughts have fields that clients know. What else the next turn needs, signatures and other chunks, goes
    into `extra_content`, once at the end: clients put two of them together each in its own way.
    """

    def __init__(self, index: int, exchange: Exchange):
        self.index = index
        self.finished: str | None = None  # Mistral's own word, once it came
        self._functions = exchange.functions
        self._calls = CallReader(index, exchange)
        self._extra: Json = {}

    def read(self, message: Json) -> Json:
        """The delta that this message, or piece of one, adds in the shape of a chunk's `delta`; {} for nothing."""
        delta: Json = {}
        for chunk in _chunks(message.get("content")):
            self._read_chunk(chunk, delta)
        for call in message.get("tool_calls") or ():
            self._calls.read(call, delta)
        return delta

    def last(self) -> Json:
        """What the last delta adds."""
        return {"extra_content": {"mistral": self._extra}} if self._extra else {}

    def finish_reason(self) -> str:
        """OpenAI's word; what Mistral may add to its own is a `stop`."""
        reason = _REASONS.get(str(self.finished), "stop")
        return "function_call" if reason == "tool_calls" and self._functions else reason

    def _read_chunk(self, chunk: Json, delta: Json) -> None:
        match chunk["type"]:
            case "text":
                _add(delta, "content", chunk["text"])
            case "thinking":
                _add(delta, "reasoning_content", "".join(part.get("text", "") for part in chunk["thinking"]))
                if chunk.get("signature"):
                    self._extra["signature"] = chunk["signature"]
            case _:
                self._extra.setdefault("chunks", []).append(chunk)


def choice(given: Json, exchange: Exchange) -> Json:
    """A whole choice of `chat.completion`."""
    reader = ChoiceReader(given.get("index", 0), exchange)
    reader.finished = given.get("finish_reason")
    delta = reader.read(_message(given)) | reader.last()
    for call in delta.get("tool_calls", ()):
        del call["index"]
    called = "tool_calls" in delta or "function_call" in delta
    message = {"role": "assistant", "content": None if called else "", "refusal": None, **delta}
    return {
        "index": reader.index,
        "message": message,
        "logprobs": logprobs(given),
        "finish_reason": reader.finish_reason(),
    }


def _message(given: Json) -> Json:
    """The assistant's words. Where tools ran at Mistral, they stand in several messages between the tools' own."""
    if given.get("message"):
        return dict(given["message"])
    said = [message for message in given["messages"] if message.get("role") in (None, "assistant")]
    return {
        "content": [chunk for message in said for chunk in _chunks(message.get("content"))],
        "tool_calls": [call for message in said for call in message.get("tool_calls") or ()],
    }


def _chunks(content: Any) -> Iterator[Json]:
    if isinstance(content, str):
        yield {"type": "text", "text": content}
    else:
        yield from content or ()


def _add(delta: Json, name: str, text: str) -> None:
    if text:
        delta[name] = delta.get(name, "") + text


def logprobs(given: Json) -> Json | None:
    """OpenAI's `logprobs`. Mistral's have the same shape, with the token's number besides."""
    found = given.get("logprobs")
    if not found:
        return None
    return {"content": [{**_token(token), "top_logprobs": _tops(token)} for token in found["content"]], "refusal": None}


def _tops(token: Json) -> list[Json]:
    return [_token(other) for other in token.get("top_logprobs") or ()]


def _token(token: Json) -> Json:
    return {name: token[name] for name in ("token", "logprob", "bytes")}


def usage(given: Json) -> Json:
    """UsageInfo as `usage`, in tokens."""
    details = given.get("prompt_tokens_details") or {}
    prompt, completion = given.get("prompt_tokens") or 0, given.get("completion_tokens") or 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": given.get("total_tokens") or prompt + completion,
        "prompt_tokens_details": {"cached_tokens": details.get("cached_tokens") or given.get("num_cached_tokens") or 0},
    }
