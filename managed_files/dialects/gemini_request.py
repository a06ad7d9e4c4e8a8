"""A whole chat request: OpenAI's body to that of generateContent. Every field is taken by someone or refused.

Wire facts: aiplatform v1 GenerateContentRequest; Google's own OpenAI-compatible endpoint for the extras
(`extra_body.google`, ai.google.dev/gemini-api/docs/openai).
"""

import re
from typing import Any

from managed_files.dialects.gemini_config import take_config
from managed_files.dialects.gemini_messages import conversation
from managed_files.dialects.gemini_tools import take_tools
from managed_files.dialects.shape import present, refuse_rest, to_object
from managed_files.errors import Inexpressible

Json = dict[str, Any]

# Accepted, though Gemini never sees them, because no answer depends on them:
_WITHOUT_EFFECT = (
    "model",  # stands in the URL
    "stream",  # likewise
    "stream_options",  # include_usage shapes our own chunks
    "user",  # the end user's pseudonym, for OpenAI's abuse monitoring
    "safety_identifier",  # likewise
    "prompt_cache_key",  # cache hints; Gemini caches common beginnings by itself
    "prompt_cache_options",
    "prompt_cache_retention",
)
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")


def translate(body: Json, model: str) -> Json:
    """generateContent's body for OpenAI's. `model` is the provider's name. Raises InvalidRequest naming the field."""
    fields = present(body, "body")
    google = _take_google(fields)
    config = take_config(fields, google, model)
    request = {
        **conversation(fields.pop("messages", None), model),
        **take_tools(fields),
        **({"generationConfig": config} if config else {}),
        **_take_tier(fields),
        **_take_labels(fields, google),
        **_rename(google, "safety_settings", "safetySettings"),
        **_rename(google, "cached_content", "cachedContent"),
    }
    if fields.pop("store", False):
        raise Inexpressible("Gemini does not store completions.", param="store")
    for name in _WITHOUT_EFFECT:
        fields.pop(name, None)
    refuse_rest({name: value for name, value in fields.items() if value not in ({}, [])})
    refuse_rest(google, "google")
    return request


def _take_google(fields: Json) -> Json:
    """Google's extras: `extra_body.google` or `google`, or the three that people send at the top."""
    extra = present(fields.pop("extra_body", {}), "extra_body")
    google = present(extra.pop("google", {}), "extra_body.google")
    google |= present(fields.pop("google", {}), "google")
    refuse_rest(extra, "extra_body")
    for name in ("safety_settings", "safetySettings", "cached_content", "cachedContent", "labels"):
        if name in fields:
            google[name] = fields.pop(name)
    return google


def _rename(google: Json, ours: str, theirs: str) -> Json:
    value = google.pop(ours, google.pop(theirs, None))
    return {} if value is None else {theirs: value}


def _take_tier(fields: Json) -> Json:
    match fields.pop("service_tier", "auto"):
        case "auto" | "default":
            return {}
        case "flex" | "priority" as tier:
            return {"serviceTier": tier}
        case other:
            raise Inexpressible(f"Gemini has no service tier {other!r}.", param="service_tier")


def _take_labels(fields: Json, google: Json) -> Json:
    """`metadata` as labels, which Google Cloud limits to lower-case letters, digits, dash and underscore."""
    metadata = to_object(fields.pop("metadata", {}), "metadata")
    for key, value in metadata.items():
        if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(str(value)):
            raise Inexpressible(
                f"'metadata.{key}' cannot be a Gemini label: at most 63 lower-case letters, digits, '-' and '_'.",
                param=f"metadata.{key}",
            )
    labels = {**metadata, **to_object(google.pop("labels", {}), "labels")}
    return {"labels": labels} if labels else {}
