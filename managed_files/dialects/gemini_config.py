"""Settings of one answer: OpenAI's sampling, length, format and effort fields to Gemini's generationConfig."""

from typing import Any

from managed_files.dialects.gemini_schema import for_gemini
from managed_files.dialects.gemini_thinking import thinking_config
from managed_files.dialects.shape import present, refuse_rest, to_list, to_object
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

_RENAMED = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",  # not OpenAI's, but sent by many of its clients
    "n": "candidateCount",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
# Many clients always send these zeros, which mean "off"; models without the feature refuse even a zero.
_OFF_AT_ZERO = ("presence_penalty", "frequency_penalty", "top_logprobs")
_STOP_LIMIT = 5  # GenerationConfig.stopSequences
_SEED_LIMIT = 1 << 31  # an int32; OpenAI's have 64 bits


def take_config(fields: Json, google: Json, model: str) -> Json:
    """Takes the settings out of `fields` and of Google's extras; returns generationConfig. Raises InvalidRequest."""
    _check_modalities(fields)
    return {
        **_take_renamed(fields),
        **_take_length(fields),
        **_take_stop(fields),
        **_take_format(fields),
        **_take_thinking(fields, google, model),
    }


def _take_renamed(fields: Json) -> Json:
    for name in _OFF_AT_ZERO:
        if fields.get(name) == 0:
            del fields[name]
    seed = fields.get("seed")
    if isinstance(seed, int) and not -_SEED_LIMIT <= seed < _SEED_LIMIT:
        raise Inexpressible("Gemini takes seeds of 32 bits.", param="seed")
    return {theirs: fields.pop(ours) for ours, theirs in _RENAMED.items() if ours in fields}


def _check_modalities(fields: Json) -> None:
    if fields.pop("modalities", ["text"]) != ["text"]:
        raise Inexpressible("Through this gateway Gemini answers in text only.", param="modalities")


def _take_length(fields: Json) -> Json:
    """Thoughts count against the limit at Gemini as they do for OpenAI's max_completion_tokens."""
    deprecated = fields.pop("max_tokens", None)
    limit = fields.pop("max_completion_tokens", deprecated)
    if deprecated is not None and deprecated != limit:
        raise InvalidRequest("'max_tokens' and 'max_completion_tokens' differ; send one.", param="max_tokens")
    return {} if limit is None else {"maxOutputTokens": limit}


def _take_stop(fields: Json) -> Json:
    stop = fields.pop("stop", [])
    sequences = [stop] if isinstance(stop, str) else to_list(stop, "stop")
    if len(sequences) > _STOP_LIMIT:
        raise Inexpressible(f"Gemini takes at most {_STOP_LIMIT} stop sequences.", param="stop")
    return {"stopSequences": sequences} if sequences else {}


def _take_format(fields: Json) -> Json:
    wanted = present(fields.pop("response_format", {"type": "text"}), "response_format")
    match wanted.pop("type", None):
        case "text":
            result: Json = {}
        case "json_object":
            result = {"responseMimeType": "application/json"}
        case "json_schema":
            schema = _schema(present(wanted.pop("json_schema", None), "response_format.json_schema"))
            result = {"responseMimeType": "application/json", **schema}
        case other:
            raise Inexpressible(f"Gemini has no response format {other!r}.", param="response_format.type")
    refuse_rest(wanted, "response_format")
    return result


def _schema(wanted: Json) -> Json:
    """Gemini always keeps to the schema, so `strict` changes nothing; `name` is a label that no model reads."""
    wanted.pop("strict", None)
    wanted.pop("name", None)
    schema = to_object(wanted.pop("schema", {}), "response_format.json_schema.schema")
    if "description" in wanted:
        schema = {"description": wanted.pop("description"), **schema}
    refuse_rest(wanted, "response_format.json_schema")
    return {"responseJsonSchema": for_gemini(schema)} if schema else {}


def _take_thinking(fields: Json, google: Json, model: str) -> Json:
    given = present(google.pop("thinking_config", {}), "google.thinking_config")
    config: Json = {}
    for ours, theirs in (
        ("thinking_level", "thinkingLevel"),
        ("thinking_budget", "thinkingBudget"),
        ("include_thoughts", "includeThoughts"),
    ):
        value = given.pop(ours, given.pop(theirs, None))
        config |= {} if value is None else {theirs: value}
    refuse_rest(given, "google.thinking_config")
    if "reasoning_effort" in fields:
        if config.keys() & {"thinkingLevel", "thinkingBudget"}:
            raise InvalidRequest("'reasoning_effort' and Google's 'thinking_config' overlap.", param="reasoning_effort")
        config |= thinking_config(fields.pop("reasoning_effort"), model)
    return {"thinkingConfig": config} if config else {}
