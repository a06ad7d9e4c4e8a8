"""What a Gemini model answers: candidates, thoughts, calls, usage. Wire facts: aiplatform v1."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from managed_files.sandbox.answers import Json, Prompt, Said, Tool, limited, say, tokens, wanted_tool
from managed_files.sandbox.gemini_contents import Contents, Media, signature
from managed_files.sandbox.gemini_rules import check_config, offered_tools, thinks
from managed_files.sandbox.samples import sample

BLOCKED_WORD = "BLOCK_ME"
_THOUGHTS = ("Looking", " at", " what", " came", " before", " I", " answer", ".")


@dataclass(frozen=True)
class Candidate:
    """One answer: thoughts come first and count against the limit of tokens, then a text or function calls."""

    index: int
    thoughts: list[str]
    said: Said
    calls: list[Json]

    @property
    def finish_reason(self) -> str:
        return "MAX_TOKENS" if self.said.cut == "length" and not self.calls else "STOP"

    def count(self) -> int:
        return len(self.said.tokens) + sum(len(tokens(json.dumps(call["functionCall"]))) for call in self.calls)


class Generation:
    """One request, checked and answered."""

    def __init__(self, request: Json, model: str, media: Media):
        self._model = model
        self._config: Json = request.get("generationConfig") or {}
        check_config(self._config, model)
        self._prompt = Contents(media, model).prompt(request)
        self._blocked = BLOCKED_WORD in self._prompt.text
        self._called = wanted_tool(*offered_tools(request), self._prompt)
        self._candidates = [self._candidate(index) for index in range(self._config.get("candidateCount", 1))]
        self._id = secrets.token_urlsafe(16)
        self._made = datetime.now(UTC).isoformat().replace("+00:00", "Z")

    def whole(self) -> Json:
        """The answer in one piece."""
        if self._blocked:
            return self._blocked_answer()
        candidates = [self._whole_candidate(candidate) for candidate in self._candidates]
        return {"candidates": candidates, **self._tail()}

    def pieces(self) -> Iterator[Json]:
        """The same answer as a stream; usage and the reason of the end come with the last piece."""
        if self._blocked:
            yield self._blocked_answer()
            return
        for candidate in self._candidates:
            if self._shows_thoughts and candidate.thoughts:
                yield self._piece(candidate, [{"text": "".join(candidate.thoughts), "thought": True}])
            for word in candidate.said.tokens:
                yield self._piece(candidate, [{"text": word}], self._logprobs([word]))
            if candidate.calls:
                yield self._piece(candidate, candidate.calls)
            if candidate is not self._candidates[-1]:
                yield self._piece(candidate, [{"text": ""}], {"finishReason": candidate.finish_reason})
        last = self._candidates[-1]
        end = {"index": last.index, "finishReason": last.finish_reason}
        if last.said.tokens:
            end["content"] = {"role": "model", "parts": [{"text": ""}]}
        yield {"candidates": [end], **self._tail()}

    def _piece(self, candidate: Candidate, parts: list[Json], extra: Json | None = None) -> Json:
        content = {"role": "model", "parts": parts}
        return {"candidates": [{"content": content, "index": candidate.index, **(extra or {})}], **self._names()}

    def _whole_candidate(self, candidate: Candidate) -> Json:
        parts: list[Json] = []
        if self._shows_thoughts and candidate.thoughts:
            parts.append({"text": "".join(candidate.thoughts), "thought": True})
        if candidate.said.tokens:
            parts.append({"text": candidate.said.text})
        parts += candidate.calls
        content = {"role": "model", "parts": parts} if parts else {"role": "model"}
        head = {"content": content, "finishReason": candidate.finish_reason, "index": candidate.index}
        return {**head, **self._logprobs(candidate.said.tokens)}

    def _candidate(self, index: int) -> Candidate:
        limit = self._config.get("maxOutputTokens")
        thoughts = list(_THOUGHTS[:limit]) if self._thinking_tokens else []
        if self._called:
            return Candidate(index, thoughts, Said([], "stop"), [_call(tool, self._prompt) for tool in self._called])
        left = None if limit is None else limit - len(thoughts)
        said = limited(_text(self._config, self._prompt), self._config.get("stopSequences", ()), left)
        return Candidate(index, thoughts, said, [])

    @property
    def _thinking_tokens(self) -> bool:
        return thinks(self._model) and (self._config.get("thinkingConfig") or {}).get("thinkingBudget") != 0

    @property
    def _shows_thoughts(self) -> bool:
        return bool((self._config.get("thinkingConfig") or {}).get("includeThoughts"))

    def _logprobs(self, words: list[str]) -> Json:
        if not self._config.get("responseLogprobs") or not words:
            return {}
        chosen = [{"token": word, "logProbability": -0.25, "tokenId": len(word)} for word in words]
        count = self._config.get("logprobs", 0)
        tops = [{"candidates": [{**one, "logProbability": -0.25 - rank} for rank in range(count)]} for one in chosen]
        result: Json = {"chosenCandidates": chosen, **({"topCandidates": tops} if count else {})}
        return {"logprobsResult": result, "avgLogprobs": -0.25}

    def _names(self) -> Json:
        return {"modelVersion": self._model, "createTime": self._made, "responseId": self._id}

    def _tail(self) -> Json:
        return {"usageMetadata": self._usage(), **self._names()}

    def _usage(self) -> Json:
        words = 8 + len(tokens(self._prompt.text))
        documents = 258 * len(self._prompt.seen)
        details = [{"modality": "TEXT", "tokenCount": words}]
        if documents:
            details.append({"modality": "DOCUMENT", "tokenCount": documents})
        answer = 0 if self._blocked else sum(candidate.count() for candidate in self._candidates)
        thoughts = 0 if self._blocked else sum(len(candidate.thoughts) for candidate in self._candidates)
        usage: Json = {"promptTokenCount": words + documents, "promptTokensDetails": details}
        if answer:
            usage["candidatesTokenCount"] = answer
        if thoughts:
            usage["thoughtsTokenCount"] = thoughts
        return {**usage, "totalTokenCount": words + documents + answer + thoughts, "trafficType": "ON_DEMAND"}

    def _blocked_answer(self) -> Json:
        message = "The prompt could not be submitted: it contains prohibited content."
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": message}, **self._tail()}


def _call(tool: Tool, prompt: Prompt) -> Json:
    arguments = sample(tool.schema, prompt.text)
    return {"functionCall": {"name": tool.name, "args": arguments}, "thoughtSignature": signature(tool.name)}


def _text(config: Json, prompt: Prompt) -> str:
    if config.get("responseMimeType") != "application/json":
        return say(prompt)
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    return json.dumps(sample(schema, say(prompt)) if schema else {"answer": say(prompt)})
