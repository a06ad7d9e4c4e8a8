"""What an answer of Anthropic's cost, in OpenAI's words. Pure. Wire facts: Usage in the `anthropic` package, 2.12."""

from typing import Any

Json = dict[str, Any]

_TIERS = {"standard": "default", "priority": "priority"}


def usage(counts: Json) -> Json:
    """Tokens. Anthropic's `input_tokens` leave out what came from the cache and what went into it."""
    read, written = counts.get("cache_read_input_tokens") or 0, counts.get("cache_creation_input_tokens") or 0
    prompt = (counts.get("input_tokens") or 0) + read + written
    completion = counts.get("output_tokens") or 0
    thoughts = (counts.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": thoughts},
    }


def service_tier(counts: Json) -> Json:
    """`{"service_tier": …}` in OpenAI's words, {} for what has none."""
    tier = _TIERS.get(str(counts.get("service_tier")))
    return {"service_tier": tier} if tier else {}
