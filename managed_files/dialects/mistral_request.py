"""A whole chat request: OpenAI's body to Mistral's. Most fields have the same name; the others are named here.

Wire facts: Mistral's API description (ChatCompletionRequest) and the types of its Python SDK 3.7. A field that neither
OpenAI nor this module knows is passed on: it is Mistral's to judge, which refuses unknown ones with a 422.
"""

from typing import Any

from managed_files.dialects.mistral_messages import conversation
from managed_files.dialects.mistral_tools import take_tools
from managed_files.dialects.shape import present, refuse_rest, to_list, to_object, to_text
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

_RENAMED = {"seed": "random_seed", "max_completion_tokens": "max_tokens"}
# Accepted, though Mistral never sees them, because no answer depends on them:
_WITHOUT_EFFECT = (
    "stream_options",  # usage comes with every stream; include_usage shapes our own chunks
    "user",  # the end user's pseudonym, for OpenAI's abuse monitoring
    "safety_identifier",  # likewise
    "prompt_cache_options",  # cache hints; prompt_cache_key passes
    "prompt_cache_retention",
)
_NOT_AT_MISTRAL = ("audio", "logit_bias", "moderation", "store", "verbosity", "web_search_options")
_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}


def translate(body: Json, model: str) -> Json:
    """Mistral's body for OpenAI's. Raises InvalidRequest naming the field."""
    fields = present(body, "body")
    fields |= present(fields.pop("extra_body", {}), "extra_body")
    for name in _WITHOUT_EFFECT:
        fields.pop(name, None)
    if fields.pop("modalities", ["text"]) != ["text"]:
        raise Inexpressible("Through this gateway Mistral answers in text only.", param="modalities")
    refuse_rest({name: fields[name] for name in _NOT_AT_MISTRAL if fields.get(name)}, provider="Mistral")
    taken = {
        "model": model,
        "messages": conversation(fields.pop("messages", None)),
        **take_tools(fields),
        **_take_renamed(fields),
        **_take_prediction(fields),
        **_take_tier(fields),
    }
    return taken | {name: value for name, value in fields.items() if name not in (*_NOT_AT_MISTRAL, "model")}


def _take_renamed(fields: Json) -> Json:
    taken: Json = {}
    for ours, theirs in _RENAMED.items():
        given = [fields.pop(name) for name in (ours, theirs) if name in fields]
        if given and given[0] != given[-1]:
            raise InvalidRequest(f"'{ours}' and '{theirs}' differ; send one.", param=ours)
        taken |= {theirs: given[0]} if given else {}
    return taken


def _take_prediction(fields: Json) -> Json:
    """Mistral's `content` is one text."""
    if "prediction" not in fields:
        return {}
    content = to_object(fields.pop("prediction"), "prediction").get("content")
    parts = [] if isinstance(content, str) else to_list(content, "prediction.content")
    texts = [to_text(to_object(part, f"prediction.content[{i}]").get("text"), f"prediction.content[{i}].text")
             for i, part in enumerate(parts)]  # fmt: skip
    return {"prediction": {"type": "content", "content": content if isinstance(content, str) else "".join(texts)}}


def _take_tier(fields: Json) -> Json:
    tier = fields.pop("service_tier", None)
    if tier is None:
        return {}
    if str(tier) not in _TIERS:
        raise Inexpressible(f"Mistral has no service tier {tier!r}.", param="service_tier")
    return {"service_tier": _TIERS[tier]}
