"""Settings of one answer: OpenAI's length, sampling, stop and format fields to Anthropic's."""

from typing import Any

from managed_files.dialects.anthropic_models import can_be_sampled, max_output
from managed_files.dialects.json_schema import reworded
from managed_files.dialects.shape import present, refuse_rest, to_list, to_object
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

_DEFAULTS = {"temperature": 1, "top_p": 1}  # the same at both providers
# Many clients always send these values, which mean "off" or "as usual".
_OFF: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "store": (False,),
    "verbosity": ("medium",),
}


def take_length(fields: Json, model: str) -> int:
    """max_tokens, which Anthropic always wants: the model's maximum if the client sets no limit."""
    deprecated = fields.pop("max_tokens", None)
    limit = fields.pop("max_completion_tokens", deprecated)
    if deprecated is not None and deprecated != limit:
        raise InvalidRequest("'max_tokens' and 'max_completion_tokens' differ; send one.", param="max_tokens")
    return max_output(model) if limit is None else limit


def take_sampling(fields: Json, model: str) -> Json:
    """OpenAI's temperature goes up to 2, Anthropic's to 1; there is no way to say more."""
    taken: Json = {name: fields.pop(name) for name in ("temperature", "top_p", "top_k") if name in fields}
    if not can_be_sampled(model):
        taken = {name: value for name, value in taken.items() if value != _DEFAULTS.get(name)}
        refuse_rest(taken, provider=model)
    temperature = taken.get("temperature", 0)
    if isinstance(temperature, int | float) and temperature > 1:
        raise Inexpressible("Anthropic's temperature ends at 1.", param="temperature")
    return taken


def take_stop(fields: Json) -> Json:
    stop = fields.pop("stop", [])
    sequences = [stop] if isinstance(stop, str) else to_list(stop, "stop")
    return {"stop_sequences": sequences} if sequences else {}


def take_format(fields: Json) -> Json:
    """What `output_config.format` has to be; {} for plain text."""
    wanted = present(fields.pop("response_format", {"type": "text"}), "response_format")
    match wanted.pop("type", None):
        case "text":
            result: Json = {}
        case "json_schema":
            result = _schema(present(wanted.pop("json_schema", None), "response_format.json_schema"))
        case "json_object":
            raise Inexpressible("Anthropic answers in JSON to a schema only: use json_schema.", param="response_format")
        case other:
            raise InvalidRequest(f"Anthropic has no response format {other!r}.", param="response_format.type")
    refuse_rest(wanted, "response_format", provider="Anthropic")
    return result


def _schema(wanted: Json) -> Json:
    """Claude always keeps to the schema, so `strict` changes nothing; `name` is a label that no model reads.

    It wants every object closed, as its own SDK makes them: OpenAI's clients have to say so with `strict` only.
    """
    wanted.pop("strict", None)
    wanted.pop("name", None)
    schema = to_object(wanted.pop("schema", {}), "response_format.json_schema.schema")
    if "description" in wanted:
        schema = {"description": wanted.pop("description"), **schema}
    refuse_rest(wanted, "response_format.json_schema", provider="Anthropic")
    return {"type": "json_schema", "schema": reworded(schema, _closed)}


def _closed(schema: Json) -> Json:
    kind = schema.get("type")
    return {"additionalProperties": False, **schema} if kind == "object" or kind == ["object", "null"] else {**schema}


def drop_what_is_off(fields: Json) -> None:
    """Removes fields whose value asks for nothing; with any other value they are left to be refused."""
    for name, values in _OFF.items():
        if name in fields and fields[name] in values:
            del fields[name]
