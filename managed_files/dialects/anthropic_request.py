"""A whole chat request: OpenAI's body to that of Messages. Every field is taken by someone or refused.

Wire facts: POST /v1/messages under `anthropic-version: 2023-06-01`; the types of the `anthropic` package.
"""

from typing import Any

from managed_files.dialects.anthropic_config import (
    drop_what_is_off,
    take_format,
    take_length,
    take_sampling,
    take_stop,
)
from managed_files.dialects.anthropic_messages import conversation
from managed_files.dialects.anthropic_thinking import take_thinking
from managed_files.dialects.anthropic_tools import take_tools
from managed_files.dialects.shape import present, refuse_rest, to_object
from managed_files.errors import Inexpressible

Json = dict[str, Any]

# Accepted, though Anthropic never sees them, because no answer depends on them:
_WITHOUT_EFFECT = (
    "stream_options",  # include_usage shapes our own chunks
    "prompt_cache_key",  # cache hints; Anthropic's are the markers `cache_control`
    "prompt_cache_options",
    "prompt_cache_retention",
)
# Anthropic's own fields, which an OpenAI client sends as `extra_body`. None of them can name a stored file.
_OWN = ("cache_control", "container", "context_management", "inference_geo", "mcp_servers", "speed")
_TIERS = {"auto": {}, "default": {"service_tier": "standard_only"}, "standard_only": {"service_tier": "standard_only"}}


def translate(body: Json, model: str) -> Json:
    """Messages' body for OpenAI's. `model` is the provider's name. Raises InvalidRequest naming the field."""
    fields = present(body, "body")
    fields |= present(fields.pop("extra_body", {}), "extra_body")
    drop_what_is_off(fields)
    limit = take_length(fields, model)
    said = conversation(fields.pop("messages", None))
    request = {
        "max_tokens": limit,
        **said,
        **take_tools(fields),
        **take_sampling(fields, model),
        **take_stop(fields),
        **_with_format(take_format(fields), take_thinking(fields, model, limit, said["messages"])),
        **_take_metadata(fields),
        **_take_tier(fields),
        **{name: fields.pop(name) for name in _OWN if name in fields},
        **({"stream": True} if fields.pop("stream", False) else {}),
        "model": model,
    }
    _refuse(fields)
    return request


def _with_format(wanted: Json, thinking: Json) -> Json:
    """Format and effort share one object."""
    return (
        {**thinking, "output_config": {**thinking.get("output_config", {}), "format": wanted}} if wanted else thinking
    )


def _take_metadata(fields: Json) -> Json:
    """Anthropic knows one thing about a request, its end user: OpenAI's `safety_identifier`, formerly `user`."""
    user = fields.pop("user", None)
    user = fields.pop("safety_identifier", user)
    metadata = dict(to_object(fields.pop("metadata", {}), "metadata"))
    user = metadata.pop("user_id", user)
    refuse_rest(metadata, "metadata", provider="Anthropic")
    return {} if user is None else {"metadata": {"user_id": user}}


def _take_tier(fields: Json) -> Json:
    tier = fields.pop("service_tier", "auto")
    if not isinstance(tier, str) or tier not in _TIERS:
        raise Inexpressible(f"Anthropic has no service tier {tier!r}.", param="service_tier")
    return _TIERS[tier]


def _refuse(fields: Json) -> None:
    for name in (*_WITHOUT_EFFECT, "model"):
        fields.pop(name, None)
    if "betas" in fields:
        raise Inexpressible(
            "Betas are a header: name them in the entry's 'extra_headers', as 'anthropic-beta'.", param="betas"
        )
    refuse_rest(fields, provider="Anthropic")
