"""Answers that OpenAI's message cannot hold in full: `extra_content.anthropic` carries them to the next turn. Pure.

`content`: Anthropic's own blocks, where their order or kind (a search of the provider's, say) would be lost;
`stop_reason`: Anthropic's word, where OpenAI's `stop` or `length` hides that there is more to come.
"""

from typing import Any

from managed_files.dialects.shape import refuse_rest, to_list, to_object, to_text
from managed_files.errors import InvalidRequest

Json = dict[str, Any]

_RANKS = {"thinking": 0, "redacted_thinking": 0, "text": 1, "tool_use": 2}
_PLAIN_ENDS = frozenset({"end_turn", "stop_sequence", "max_tokens", "tool_use", "refusal"})


def extra_content(blocks: list[Json], stop_reason: str | None) -> Json:
    """`{"extra_content": {"anthropic": {…}}}` for an answer that needs it, {} for all others."""
    ranks = [_RANKS.get(block["type"], -1) for block in blocks]
    carried: Json = {}
    if -1 in ranks or ranks != sorted(ranks):
        carried["content"] = blocks
    if stop_reason not in _PLAIN_ENDS:
        carried["stop_reason"] = stop_reason
    return {"extra_content": {"anthropic": carried}} if carried else {}


def native_content(message: Json, where: str) -> list[Json]:
    """Takes `extra_content` out of an assistant's message; returns the blocks that stand in for it, [] if none do.

    Claude answers with no file of its user's: a block that names one would get around the check of who may use it.
    """
    extra = to_object(message.pop("extra_content", None) or {}, f"{where}.extra_content")
    where = f"{where}.extra_content.anthropic"
    carried = dict(to_object(extra.get("anthropic") or {}, where))
    carried.pop("stop_reason", None)
    blocks = to_list(carried.pop("content", []), f"{where}.content")
    refuse_rest(carried, where, provider="Anthropic")
    for j, block in enumerate(blocks):
        to_text(to_object(block, f"{where}.content[{j}]").get("type"), f"{where}.content[{j}].type")
        if _names_a_file(block):
            raise InvalidRequest("No answer of Claude's names a stored file.", param=f"{where}.content[{j}]")
    return blocks


def _names_a_file(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_names_a_file, value))
    if not isinstance(value, dict):
        return False
    return value.get("type") in ("file", "container_upload") or any(map(_names_a_file, value.values()))
