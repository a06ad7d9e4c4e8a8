"""A whole answer of Converse as OpenAI's message; finish reasons and usage, for streams too. Pure.

Source: botocore's service model, shapes ConverseResponse, StopReason and TokenUsage.
"""

import json
from typing import Any

from managed_files.dialects.base import Exchange
from managed_files.dialects.converse_thinking import redacted_block, thinking_block

Json = dict[str, Any]

_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "stop",  # `tool_calls`, if there are any for the client: a server tool's are none
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_EXTRAS = ("trace", "additionalModelResponseFields")


def finish_reason(stop_reason: str, *, called: bool, functions: bool) -> str:
    """OpenAI's word. Broken output (`malformed_…`), and what is not known yet, is a `stop`; see `refusal`."""
    reason = _REASONS.get(stop_reason, "stop")
    if reason == "stop" and called:
        return "function_call" if functions else "tool_calls"
    return reason


def refusal(stop_reason: str) -> str | None:
    """Why the answer is no good although it ended, in words."""
    return None if stop_reason in _REASONS else f"Bedrock ended the answer: {stop_reason}"


def message(said: Json, exchange: Exchange) -> tuple[Json, bool]:
    """A message of Converse's as OpenAI's, and whether it calls a function of the client's."""
    texts, reasons, kept, calls, images = [], [], [], [], []
    for block in said["content"]:
        if "text" in block:
            texts.append(block["text"])
        elif "citationsContent" in block:
            texts += [part["text"] for part in block["citationsContent"].get("content") or () if "text" in part]
        elif "reasoningContent" in block:
            thought, carried = _thought(block["reasoningContent"])
            reasons.append(thought)
            kept += carried
        elif "toolUse" in block and not from_server(block["toolUse"]):
            calls.append(_call(block["toolUse"]))
        elif "image" in block:
            images += pictures(block["image"]["format"], block["image"])
    optional = {"reasoning_content": "".join(reasons), "thinking_blocks": kept, "images": images}
    text = "".join(texts)
    content = text if text or not calls else None
    shown = {name: value for name, value in optional.items() if value}
    return {"role": "assistant", "content": content, "refusal": None, **shown, **_called(calls, exchange)}, bool(calls)


def usage(tokens: Json) -> Json:
    """TokenUsage as `usage`, in tokens. Bedrock counts the prompt's cached tokens apart, OpenAI as a part of it."""
    read, written = int(tokens.get("cacheReadInputTokens") or 0), int(tokens.get("cacheWriteInputTokens") or 0)
    prompt, completion = int(tokens["inputTokens"]) + read + written, int(tokens["outputTokens"])
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
    }


def extras(answer: Json) -> Json:
    """What only Bedrock tells, and only if it was asked to: the guardrail's trace, the model's own fields."""
    return {name: answer[name] for name in _EXTRAS if answer.get(name) is not None}


def from_server(tool_use: Json) -> bool:
    """Whether Bedrock itself runs the tool, so that the client has nothing to do."""
    return tool_use.get("type") == "server_tool_use"


def pictures(kind: str, block: Json) -> list[Json]:
    """What the model drew, as `images`: none, if Bedrock says that it could not be drawn. The bytes come as base64."""
    data = (block.get("source") or {}).get("bytes")
    return [{"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{data}"}}] if data else []


def _thought(content: Json) -> tuple[str, list[Json]]:
    if "redactedContent" in content:
        return "", [redacted_block(content["redactedContent"])]
    text, signature = content["reasoningText"]["text"], content["reasoningText"].get("signature")
    return text, [thinking_block(text, signature)] if signature else []


def _call(use: Json) -> Json:
    arguments = json.dumps(use["input"], ensure_ascii=False)
    return {"id": use["toolUseId"], "type": "function", "function": {"name": use["name"], "arguments": arguments}}


def _called(calls: list[Json], exchange: Exchange) -> Json:
    """The deprecated form holds one call; the model repeats the others when it has the result."""
    if not calls:
        return {}
    return {"function_call": calls[0]["function"]} if exchange.functions else {"tool_calls": calls}
