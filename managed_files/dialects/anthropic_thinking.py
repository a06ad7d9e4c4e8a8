"""How Claude thinks: effort and budgets, and the thoughts that go from one turn to the next. Pure.

Thoughts travel as LiteLLM's clients know them: `thinking_blocks`, which hold Anthropic's own blocks as they are.
Sources: Anthropic's "Extended thinking", "Adaptive thinking" and "Effort".
"""

from typing import Any

from managed_files.dialects.anthropic_models import always_thinks, thinks_adaptively
from managed_files.dialects.shape import present, to_list, to_object, to_text
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

# In tokens. These are LiteLLM's numbers, that people move their settings over with; Anthropic takes no less than 1024.
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192}
_EFFORTS = {"minimal": "low"} | {name: name for name in ("low", "medium", "high", "xhigh", "max")}
_LEAST_BUDGET = 1024
_THOUGHTS = {"thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}


def take_thinking(fields: Json, model: str, limit: Any, messages: list[Json]) -> Json:
    """Takes `reasoning_effort`, `thinking` and `output_config`; returns the last two as far as they are needed.

    `limit`: max_tokens, of which thoughts are a part. `messages`: Anthropic's.
    """
    config = present(fields.pop("output_config", {}), "output_config")
    given = {"thinking": fields.pop("thinking")} if "thinking" in fields else {}
    effort = fields.pop("reasoning_effort", None)
    if effort == "none" and always_thinks(model):
        raise Inexpressible(f"{model} cannot be told not to think.", param="reasoning_effort")
    if effort is not None and thinks_adaptively(model):
        if effort != "none":
            config.setdefault("effort", _named(effort, _EFFORTS, model))
        given = {"thinking": {"type": "disabled" if effort == "none" else "adaptive"}, **given}
    elif effort not in (None, "none") and not given and not _goes_on_without_thoughts(messages):
        given = {
            "thinking": {"type": "enabled", "budget_tokens": budget_within(_named(effort, _BUDGETS, model), limit)}
        }
    return {**given, **({"output_config": config} if config else {})}


def thinking_blocks(message: Json, where: str) -> list[Json]:
    """Takes `thinking_blocks` out of an assistant's message. They have to go back as they came, or Claude refuses."""
    blocks = enumerate(to_list(message.pop("thinking_blocks", []), f"{where}.thinking_blocks"))
    return [_thought(block, f"{where}.thinking_blocks[{j}]") for j, block in blocks]


def _thought(value: Any, where: str) -> Json:
    block = to_object(value, where)
    names = _THOUGHTS.get(str(block.get("type")))
    if names is None:
        raise InvalidRequest(f"There is no thinking block of type {block.get('type')!r}.", param=f"{where}.type")
    return {"type": block["type"], **{name: to_text(block.get(name), f"{where}.{name}") for name in names}}


def _named(effort: Any, known: dict[str, Any], model: str) -> Any:
    if not isinstance(effort, str) or effort not in known:
        raise Inexpressible(f"{model} has no reasoning effort {effort!r}.", param="reasoning_effort")
    return known[effort]


def budget_within(wanted: int, limit: Any) -> int:
    """A budget has to be smaller than the limit of the whole answer."""
    if not isinstance(limit, int):
        return wanted  # there is none, or Anthropic will say what is wrong with it
    if limit <= _LEAST_BUDGET:
        raise Inexpressible(
            f"Thoughts take at least {_LEAST_BUDGET} tokens of the answer's {limit}; allow more or no reasoning.",
            param="reasoning_effort",
        )
    return min(wanted, limit - 1)


def _goes_on_without_thoughts(messages: list[Json]) -> bool:
    """Whether tool results answer a turn whose thoughts the client did not keep.

    With a budget Claude insists on them there, and clients that know only OpenAI's fields have none to send: then the
    turn is ended without thinking, as Anthropic does itself for a turn in which thinking is switched.
    """
    if len(messages) < 2 or messages[-1]["content"][0]["type"] != "tool_result":
        return False
    return messages[-2]["content"][0]["type"] not in _THOUGHTS
