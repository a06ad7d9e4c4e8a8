"""How Gemini models think: effort and budgets, and the signatures that carry a thought from one turn to the next."""

import re
from typing import Any

from managed_files.dialects.shape import to_object, to_text
from managed_files.errors import Inexpressible

# Google documents this value for histories that another model wrote (ai.google.dev/gemini-api/docs/thought-signatures).
_UNCHECKED = "skip_thought_signature_validator"

# The table of Google's own OpenAI-compatible endpoint (ai.google.dev/gemini-api/docs/openai); budgets in tokens.
_BUDGETS = {"none": 0, "minimal": 1024, "low": 1024, "medium": 8192, "high": 24576}
_LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH", "xhigh": "XHIGH"}


def is_gemini_3(model: str) -> bool:
    """Whether the name says generation 3 or later. A `-latest` name without a number follows the newest generation."""
    generation = re.search(r"gemini-(\d+)", model)
    return int(generation[1]) >= 3 if generation else model.endswith("-latest")


def thinking_config(effort: Any, model: str) -> dict[str, Any]:
    """`reasoning_effort` as thinkingConfig: a level from Gemini 3 on, a budget before. Raises InvalidRequest."""
    pro = "-pro" in model
    if is_gemini_3(model):
        level = "LOW" if effort == "minimal" and pro else _LEVELS.get(str(effort))
        config: dict[str, Any] = {"thinkingLevel": level}
    else:
        config = {"thinkingBudget": None if effort == "none" and pro else _BUDGETS.get(str(effort))}
    if None in config.values():
        raise Inexpressible(f"{model} has no reasoning effort {effort!r}.", param="reasoning_effort")
    return config


def signature_of(carrier: dict[str, Any], where: str) -> str | None:
    """Takes `extra_content.google.thought_signature` (Google's convention) out of a message or a tool call."""
    extra = to_object(carrier.pop("extra_content", None) or {}, f"{where}.extra_content")
    google = to_object(extra.get("google") or {}, f"{where}.extra_content.google")
    signature = google.get("thought_signature")
    if signature is None:
        return None
    return to_text(signature, f"{where}.extra_content.google.thought_signature")


def extra_content(signature: str) -> dict[str, Any]:
    """The field in which an answer hands a signature to the client; see `signature_of`."""
    return {"google": {"thought_signature": signature}}


def sign_first_calls(contents: list[dict[str, Any]]) -> None:
    """Gemini 3 refuses a step whose first call has no signature, so one from elsewhere gets the documented stand-in."""
    for content in contents:
        first = next((part for part in content["parts"] if "functionCall" in part), None)
        if first is not None:
            first.setdefault("thoughtSignature", _UNCHECKED)
