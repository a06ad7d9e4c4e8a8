"""What a model on Bedrock answers, whole and as events. Source: the service model of ConverseStream."""

import json
import secrets
from collections.abc import Iterator

from managed_files.sandbox.answers import Json, Prompt, limited, say, tokens, wanted_tool
from managed_files.sandbox.bedrock_errors import invalid
from managed_files.sandbox.bedrock_media import Files, Model
from managed_files.sandbox.bedrock_rules import check_conversation, check_thinking, offered_tools
from managed_files.sandbox.eventstream import event, exception
from managed_files.sandbox.s3 import S3Buckets
from managed_files.sandbox.samples import sample

BLOCKED_WORD = "BLOCK_ME"
BROKEN_WORD = "BREAK_THE_STREAM"
_THOUGHT = "Looking at what came before I answer."


class Conversed:
    """One request, checked and answered."""

    def __init__(self, request: Json, model: Model, buckets: S3Buckets):
        check_conversation(request)
        check_thinking(request, model)
        messages = request["messages"]
        last = messages[-1]["content"]
        if messages[-1]["role"] != "user":
            raise invalid("The model does not support assistant message prefill. The last message must be of a user.")
        self.text = "".join(block["text"] for block in last if "text" in block)
        results = [block["toolResult"]["content"] for block in last if "toolResult" in block]
        told = ["".join(part.get("text", "") for part in content) for content in results]
        self._prompt = Prompt(self.text, Files(model, buckets).seen(messages), told)
        self._config = request.get("inferenceConfig") or {}
        self._extra = request.get("additionalModelRequestFields") or {}
        self._schema = _schema(request)
        self._called = wanted_tool(*offered_tools(request, model), self._prompt)
        self._asked = len(tokens(json.dumps(messages)))
        self._cached = 7 if "cachePoint" in json.dumps(messages) else 0
        self._blocks, self._reason = self._answer()

    def whole(self) -> Json:
        """ConverseResponse."""
        message = {"role": "assistant", "content": self._blocks}
        return {"output": {"message": message}, "stopReason": self._reason, **self._tail()}

    def events(self) -> Iterator[bytes]:
        """ConverseStream's frames."""
        yield event("messageStart", {"role": "assistant"})
        for index, block in enumerate(self._blocks):
            for kind, payload in _pieces(block):
                yield event(kind, {**payload, "contentBlockIndex": index})
                if BROKEN_WORD in self.text:
                    yield exception("modelStreamErrorException", "The model broke in the middle of its answer.")
                    return
            yield event("contentBlockStop", {"contentBlockIndex": index})
        yield event("messageStop", {"stopReason": self._reason})
        yield event("metadata", self._tail())

    def _answer(self) -> tuple[list[Json], str]:
        if BLOCKED_WORD in self.text:
            return [{"text": "Sorry, the model cannot answer this."}], "guardrail_intervened"
        thoughts = [_thought()] if {"thinking", "reasoningConfig", "reasoning_effort"} & self._extra.keys() else []
        if self._called:
            return [*thoughts, *(_call(tool.name, sample(tool.schema, self.text)) for tool in self._called)], "tool_use"
        text = say(self._prompt) if self._schema is None else json.dumps(sample(self._schema, self.text))
        said = limited(text, self._config.get("stopSequences", ()), self._config.get("maxTokens"))
        cut = "max_tokens" if said.cut == "length" else "stop_sequence" if said.text != text else "end_turn"
        return [*thoughts, {"text": said.text}], cut

    def _tail(self) -> Json:
        produced = len(tokens(json.dumps(self._blocks)))
        usage = {"inputTokens": self._asked, "outputTokens": produced, "totalTokens": self._asked + produced}
        if self._cached:
            usage |= {"cacheReadInputTokens": self._cached, "cacheWriteInputTokens": 0}
            usage["totalTokens"] += self._cached
        return {"usage": usage, "metrics": {"latencyMs": 42}}


def _thought() -> Json:
    return {"reasoningContent": {"reasoningText": {"text": _THOUGHT, "signature": "c2lnbmF0dXJl"}}}


def _call(name: str, arguments: Json) -> Json:
    return {"toolUse": {"toolUseId": f"tooluse_{secrets.token_urlsafe(16)}", "name": name, "input": arguments}}


def _schema(request: Json) -> Json | None:
    """The JSON schema that the answer has to keep, which comes as text."""
    text_format = (request.get("outputConfig") or {}).get("textFormat")
    if text_format is None:
        return None
    try:
        schema = json.loads(text_format["structure"]["jsonSchema"]["schema"])
    except ValueError as error:
        raise invalid("The JSON schema is not valid JSON.") from error
    if not isinstance(schema, dict):
        raise invalid("The JSON schema has to be an object.")
    return schema


def _pieces(block: Json) -> Iterator[tuple[str, Json]]:
    """A block as the deltas of a stream; only a call has a start."""
    delta = "contentBlockDelta"
    if "text" in block:
        for word in tokens(block["text"]):
            yield delta, {"delta": {"text": word}}
    elif "reasoningContent" in block:
        thought = block["reasoningContent"]["reasoningText"]
        for word in tokens(thought["text"]):
            yield delta, {"delta": {"reasoningContent": {"text": word}}}
        yield delta, {"delta": {"reasoningContent": {"signature": thought["signature"]}}}
    else:
        use = block["toolUse"]
        yield "contentBlockStart", {"start": {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}}
        text = json.dumps(use["input"]) if use["input"] else ""
        for start in range(0, len(text), 9):
            yield delta, {"delta": {"toolUse": {"input": text[start : start + 9]}}}
