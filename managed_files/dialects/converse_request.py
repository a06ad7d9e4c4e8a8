"""A whole chat request: OpenAI's body to that of Converse. Every field is taken by someone or refused.

What OpenAI's API does not know goes to the model as it is, in additionalModelRequestFields: that is Converse's own
place for the settings of one model family.
"""

from typing import Any

from managed_files.dialects.converse_config import take_config, take_format
from managed_files.dialects.converse_messages import conversation
from managed_files.dialects.converse_models import with_effort, with_top_k
from managed_files.dialects.converse_thinking import goes_on_without_thoughts
from managed_files.dialects.converse_tools import take_tools
from managed_files.dialects.shape import present, to_object
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

# Accepted, though Bedrock never sees them, because no answer depends on them:
_WITHOUT_EFFECT = (
    "model",  # stands in the URL
    "stream",  # likewise
    "stream_options",  # include_usage shapes our own chunks
    "user",  # the end user's pseudonym, for OpenAI's abuse monitoring
    "safety_identifier",  # likewise
    "prompt_cache_key",  # cache hints; Bedrock caches by cachePoint
    "prompt_cache_options",
    "prompt_cache_retention",
)
# Fields of OpenAI's that no model on Bedrock takes by that or another name; an "off" is as good as nothing.
_UNKNOWN: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "seed": (),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
    "store": (False,),
    "verbosity": (),
    "web_search_options": (),
    "moderation": (),
}
_NATIVE = (
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "guardrailConfig",
    "outputConfig",
    "performanceConfig",
    "promptVariables",
    "requestMetadata",
    "serviceTier",
)


def translate(body: Json, model: str) -> Json:
    """Converse's body for OpenAI's. `model` is the provider's name. Raises InvalidRequest naming the field."""
    fields = present(body, "body")
    fields |= present(fields.pop("extra_body", {}), "extra_body")
    _refuse_unknown(fields)
    native = {name: fields.pop(name) for name in _NATIVE if name in fields}
    dialogue = conversation(fields.pop("messages", None), model)
    request: Json = {
        **dialogue.request(),
        **take_config(fields),
        **take_tools(fields, dialogue.called),
        **_take_tier(fields),
        **_take_metadata(fields),
    }
    _merge(request, take_format(fields))
    if "reasoning_effort" in fields:
        limit, thoughtless = request.get("inferenceConfig", {}).get("maxTokens"), goes_on_without_thoughts(request)
        _merge(request, with_effort(model, fields.pop("reasoning_effort"), limit, thoughtless))
    if "top_k" in fields:
        _merge(request, {"additionalModelRequestFields": with_top_k(model, fields.pop("top_k"))})
    for name in _WITHOUT_EFFECT:
        fields.pop(name, None)
    if fields:
        _merge(request, {"additionalModelRequestFields": fields})
    _merge(request, native)
    return request


def _refuse_unknown(fields: Json) -> None:
    for name, off in _UNKNOWN.items():
        if name in fields and fields.pop(name) not in off:
            raise Inexpressible(f"Bedrock's Converse API has no '{name}'; leave it out for this model.", param=name)


def _take_tier(fields: Json) -> Json:
    match fields.pop("service_tier", "auto"):
        case "auto":
            return {}
        case "default" | "flex" | "priority" | "reserved" as tier:
            return {"serviceTier": {"type": tier}}
        case other:
            raise Inexpressible(f"Bedrock has no service tier {other!r}.", param="service_tier")


def _take_metadata(fields: Json) -> Json:
    """`metadata` as requestMetadata, which stands in Bedrock's invocation logs."""
    metadata = to_object(fields.pop("metadata", {}), "metadata")
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise InvalidRequest(f"'metadata.{key}' has to be a string.", param=f"metadata.{key}")
    return {"requestMetadata": metadata} if metadata else {}


def _merge(request: Json, more: Json) -> None:
    """Adds keys, one level deep: what the client says in Bedrock's own words stands beside what was translated."""
    for name, value in more.items():
        both = isinstance(value, dict) and isinstance(request.get(name), dict)
        request[name] = {**request[name], **value} if both else value
