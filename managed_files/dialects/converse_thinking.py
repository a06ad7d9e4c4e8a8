"""Thoughts that the next turn has to carry: `thinking_blocks` of a message, as LiteLLM's clients know them. Pure.

`{"type": "thinking", "thinking": text, "signature": …}` or `{"type": "redacted_thinking", "data": base64}`.
"""

from typing import Any

from managed_files.dialects.shape import to_list, to_object, to_text
from managed_files.errors import InvalidRequest

Json = dict[str, Any]


def thoughts(message: Json, where: str) -> list[Json]:
    """Takes `thinking_blocks` out of an assistant's message; returns reasoningContent blocks."""
    blocks = enumerate(to_list(message.pop("thinking_blocks", []), f"{where}.thinking_blocks"))
    return [
        _thought(to_object(block, f"{where}.thinking_blocks[{j}]"), f"{where}.thinking_blocks[{j}]")
        for j, block in blocks
    ]


def _thought(block: Json, where: str) -> Json:
    match block.get("type"):
        case "thinking":
            text = to_text(block.get("thinking"), f"{where}.thinking")
            signature = to_text(block.get("signature"), f"{where}.signature")
            return {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}
        case "redacted_thinking":
            return {"reasoningContent": {"redactedContent": to_text(block.get("data"), f"{where}.data")}}
        case other:
            raise InvalidRequest(f"There is no thinking block of type {other!r}.", param=f"{where}.type")


def goes_on_without_thoughts(request: Json) -> bool:
    """Whether tool results answer a turn whose thoughts the client did not keep; see anthropic_thinking."""
    turns = request["messages"]
    if len(turns) < 2 or "toolResult" not in turns[-1]["content"][0]:
        return False
    return "reasoningContent" not in turns[-2]["content"][0]


def thinking_block(text: str, signature: str) -> Json:
    """What an answer hands to the client. Thoughts without a signature need not come back, and make no block."""
    return {"type": "thinking", "thinking": text, "signature": signature}


def redacted_block(data: str) -> Json:
    """The same for encrypted thoughts. `data`: base64."""
    return {"type": "redacted_thinking", "data": data}
