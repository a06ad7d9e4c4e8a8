"""What Bedrock's model families differ in: files by their S3 address, effort, other settings. Pure.

A model is named by an id (`amazon.nova-lite-v1:0`), an inference profile (`us.amazon.nova-lite-v1:0`) or an ARN that
may hold one of these, or nothing but digits: then the family is unknown, and Bedrock is left to judge.
"""

import re
from typing import Any

from managed_files.dialects.anthropic_models import always_thinks, thinks_adaptively, thinks_unasked
from managed_files.dialects.anthropic_thinking import budget_within
from managed_files.errors import Inexpressible

# The column "Amazon S3 links for multimedia" of AWS's page "Supported models and model features" says no to these.
_WITHOUT_S3 = re.compile(
    r"(?:^|[./])(?:(?:ai21|anthropic|cohere|deepseek|meta|mistral)\.|amazon\.(?:titan|nova-micro))", re.ASCII
)
_CLAUDE = re.compile(r"(?:^|[./])anthropic\.")
_NOVA = re.compile(r"(?:^|[./])amazon\.nova")
_NOVA_2 = re.compile(r"(?:^|[./])amazon\.nova-2")
_GPT = re.compile(r"(?:^|[./])openai\.")
# An older Claude thinks so many tokens; these are LiteLLM's numbers, that people move their settings over with.
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 2048, "high": 4096, "xhigh": 8192}
_CLAUDE_EFFORTS = {"minimal": "low"} | {name: name for name in ("low", "medium", "high", "xhigh", "max")}
_NOVA_EFFORTS = ("low", "medium", "high")


def reads_s3(model: str) -> bool:
    """Whether the model may be given the S3 address of a document, an image or a video."""
    return _WITHOUT_S3.search(model) is None


def with_top_k(model: str, top_k: Any) -> dict[str, Any]:
    """additionalModelRequestFields for the number of tokens that are sampled from."""
    return {"inferenceConfig": {"topK": top_k}} if _NOVA.search(model) else {"top_k": top_k}


def with_effort(model: str, effort: Any, limit: Any, thoughtless: bool) -> dict[str, Any]:
    """The request's keys for `reasoning_effort`: each family has its own, and Converse one for all others.

    `limit`: maxTokens, of which thoughts are a part; None for none. `thoughtless`: see `goes_on_without_thoughts`.
    """
    if _CLAUDE.search(model):
        lost = thoughtless and not thinks_adaptively(model)
        return _off(model) if effort == "none" else {} if lost else _of_claude(model, effort, limit)
    if _NOVA_2.search(model):
        return {} if effort == "none" else {"additionalModelRequestFields": {"reasoningConfig": _reasoning(effort)}}
    if _GPT.search(model):
        return {"additionalModelRequestFields": {"reasoning_effort": effort}}
    return {"outputConfig": {"effort": effort}}


def _off(model: str) -> dict[str, Any]:
    """A Claude before the fifth does not think unless it is asked to, and some of the fourth refuse the word for it."""
    if always_thinks(model):
        raise Inexpressible(f"{model} cannot be told not to think.", param="reasoning_effort")
    return {"additionalModelRequestFields": {"thinking": {"type": "disabled"}}} if thinks_unasked(model) else {}


def _of_claude(model: str, effort: Any, limit: Any) -> dict[str, Any]:
    """AWS's page "Adaptive thinking": from Claude 4.7 on a budget is a 400."""
    adaptive = thinks_adaptively(model)
    known: dict[str, Any] = _CLAUDE_EFFORTS if adaptive else _BUDGETS
    if not isinstance(effort, str) or effort not in known:
        raise Inexpressible(f"{model} has no reasoning effort {effort!r}.", param="reasoning_effort")
    if adaptive:
        config = {"outputConfig": {"effort": known[effort]}}
        return {"additionalModelRequestFields": {"thinking": {"type": "adaptive"}}, **config}
    budget = budget_within(known[effort], limit)
    return {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": budget}}}


def _reasoning(effort: Any) -> dict[str, Any]:
    if effort not in _NOVA_EFFORTS:
        raise Inexpressible(f"Nova has no reasoning effort {effort!r}.", param="reasoning_effort")
    return {"type": "enabled", "maxReasoningEffort": effort}
