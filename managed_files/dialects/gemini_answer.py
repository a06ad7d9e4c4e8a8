"""A candidate of Gemini's answer to a choice of OpenAI's, whole or piece by piece; usage and finish reasons.

Wire facts: aiplatform v1 GenerateContentResponse and the enums FinishReason and BlockedReason of google-genai 3.4.
"""

import hashlib
import json
from typing import Any

from managed_files.dialects.base import Exchange
from managed_files.dialects.gemini_thinking import extra_content

Json = dict[str, Any]

_LENGTH = {"MAX_TOKENS", "CONTINUATION"}
_FILTERED = {
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR", "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT", "IMAGE_OTHER", "IMAGE_RECITATION", "ESCALATION", "PUP_LIMITED_DISABLED",
}  # fmt: skip
_ORDINARY = {"STOP", "FINISH_REASON_UNSPECIFIED"} | _LENGTH


class CandidateReader:
    """Reads one candidate, in one piece or in many, and remembers what its finish reason depends on.

    What OpenAI's deltas have no rule for comes once, at the end: clients put two of them together each in its own way.
    """

    def __init__(self, index: int, exchange: Exchange):
        self.index = index
        self.finished: str | None = None  # Gemini's own word, once it came
        self._exchange = exchange
        self._calls = 0
        self._last: Json = {}

    def read(self, candidate: Json) -> Json:
        """The delta that this piece adds, in the shape of a chunk's `delta`; {} for nothing."""
        delta: Json = {}
        for part in (candidate.get("content") or {}).get("parts") or ():
            self._read_part(part, delta)
        self._note_sources(candidate.get("citationMetadata") or {})
        if reason := candidate.get("finishReason"):
            self.finished = reason
            if reason not in _ORDINARY:
                delta["refusal"] = _because(f"Gemini ended the answer: {reason}", candidate.get("finishMessage"))
        return delta

    def last(self) -> Json:
        """The delta after all others: images, sources, and the signature of what was said."""
        return self._last

    def finish_reason(self) -> str:
        """OpenAI's word. Gemini says STOP after a tool call too; the odd ends are `stop` with a reason in `refusal`."""
        if self.finished in _LENGTH:
            return "length"
        if self.finished in _FILTERED:
            return "content_filter"
        if self._calls:
            return "function_call" if self._exchange.functions else "tool_calls"
        return "stop"

    def _note_sources(self, cited: Json) -> None:
        """What the answer quotes at length, in Gemini's words; a stream may tell a source again with every event."""
        for source in cited.get("citations") or cited.get("citationSources") or ():  # at Vertex AI, at the Gemini API
            if source not in self._last.setdefault("citations", []):
                self._last["citations"].append(source)

    def _read_part(self, part: Json, delta: Json) -> None:
        signature = part.get("thoughtSignature")
        if "functionCall" in part:
            self._read_call(part["functionCall"], signature, delta)
            return
        if signature:
            self._last["extra_content"] = extra_content(signature)
        if "text" in part:
            field = "reasoning_content" if part.get("thought") else "content"
            delta[field] = delta.get(field, "") + part["text"]
        elif "inlineData" in part:  # only image models send it, whether asked or not
            blob = part["inlineData"]
            url = f"data:{blob['mimeType']};base64,{blob['data']}"
            self._last.setdefault("images", []).append({"type": "image_url", "image_url": {"url": url}})

    def _read_call(self, call: Json, signature: str | None, delta: Json) -> None:
        place, self._calls = self._calls, self._calls + 1
        function = {"name": call["name"], "arguments": json.dumps(call.get("args") or {}, ensure_ascii=False)}
        if not self._exchange.functions:
            entry = {"index": place, "id": call.get("id") or self._call_id(place), "type": "function"}
            extra = {"extra_content": extra_content(signature)} if signature else {}
            delta.setdefault("tool_calls", []).append({**entry, "function": function, **extra})
        elif place == 0:  # the deprecated form holds one call; the model repeats the others when it has the result
            delta["function_call"] = function

    def _call_id(self, place: int) -> str:
        """For a call without an id: the same in a stream and in one piece, unlike that of any other answer."""
        name = f"{self._exchange.id}/{self.index}/{place}"
        return "call_" + hashlib.sha256(name.encode()).hexdigest()[:24]


def choice(candidate: Json, index: int, exchange: Exchange) -> Json:
    """A whole candidate as a choice of `chat.completion`."""
    reader = CandidateReader(index, exchange)
    delta = reader.read(candidate) | reader.last()
    for call in delta.get("tool_calls", ()):
        del call["index"]
    called = "tool_calls" in delta or "function_call" in delta or "refusal" in delta
    message = {"role": "assistant", "content": None if called else "", "refusal": None, **delta}
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs(candidate),
        "finish_reason": reader.finish_reason(),
    }


def block_reason(answer: Json) -> str | None:
    """Why the prompt was blocked, in words; None if it was not. A blocked prompt gets HTTP 200 and no candidates."""
    feedback = answer.get("promptFeedback") or {}
    reason = feedback.get("blockReason")
    return _because(f"Gemini blocked the prompt: {reason}", feedback.get("blockReasonMessage")) if reason else None


def logprobs(candidate: Json) -> Json | None:
    """logprobsResult as a choice's `logprobs`. The JSON form of a protobuf leaves a probability of 0.0 out."""
    result = candidate.get("logprobsResult") or {}
    chosen = result.get("chosenCandidates") or []
    if not chosen:
        return None
    steps = result.get("topCandidates") or []
    tops = [step.get("candidates") or [] for step in steps] + [[]] * (len(chosen) - len(steps))
    content = [
        {**_token(token), "top_logprobs": [_token(other) for other in top]}
        for token, top in zip(chosen, tops, strict=False)
    ]
    return {"content": content, "refusal": None}


def _token(token: Json) -> Json:
    text = token.get("token", "")
    return {
        "token": text,
        "logprob": token.get("logProbability", 0.0),
        "bytes": list(text.encode("utf-8", "replace")),
    }


def usage(metadata: Json) -> Json:
    """usageMetadata as `usage`, in tokens. Thoughts are part of OpenAI's completion, but not of Gemini's candidates."""
    prompt = _tokens(metadata, "promptTokenCount") + _tokens(metadata, "toolUsePromptTokenCount")
    thoughts = _tokens(metadata, "thoughtsTokenCount")
    completion = _tokens(metadata, "candidatesTokenCount") + thoughts
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": _tokens(metadata, "totalTokenCount") or prompt + completion,
        "prompt_tokens_details": {
            "cached_tokens": _tokens(metadata, "cachedContentTokenCount"),
            "audio_tokens": _audio_tokens(metadata.get("promptTokensDetails")),
        },
        "completion_tokens_details": {
            "reasoning_tokens": thoughts,
            "audio_tokens": _audio_tokens(metadata.get("candidatesTokensDetails")),
        },
    }


def _tokens(counts: Json, name: str) -> int:
    return int(counts.get(name) or 0)  # the JSON form of a protobuf leaves zeros out


def _audio_tokens(details: list[Json] | None) -> int:
    return sum(_tokens(entry, "tokenCount") for entry in details or () if entry.get("modality") == "AUDIO")


def _because(what: str, why: str | None) -> str:
    return f"{what} ({why})" if why else what
