"""Settings of one answer: OpenAI's sampling, length and format fields to inferenceConfig and outputConfig."""

import json
from typing import Any

from managed_files.dialects.shape import present, refuse_rest, to_list, to_object
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]


def take_config(fields: Json) -> Json:
    """Takes sampling and length out of `fields`; returns `inferenceConfig`, if there is any. Raises InvalidRequest."""
    config = {**_take_length(fields), **_take_stop(fields)}
    for ours, theirs in (("temperature", "temperature"), ("top_p", "topP")):
        if ours in fields:
            config[theirs] = fields.pop(ours)
    return {"inferenceConfig": config} if config else {}


def take_format(fields: Json) -> Json:
    """Takes `response_format` out of `fields`; returns `outputConfig`, if it asks for more than text."""
    if "response_format" not in fields:
        return {}
    wanted = present(fields.pop("response_format"), "response_format")
    match wanted.pop("type", None):
        case "text":
            refuse_rest(wanted, "response_format", provider="Bedrock")
            return {}
        case "json_schema":
            schema = present(wanted.pop("json_schema", None), "response_format.json_schema")
            refuse_rest(wanted, "response_format", provider="Bedrock")
            text_format = {"type": "json_schema", "structure": {"jsonSchema": _schema(schema)}}
            return {"outputConfig": {"textFormat": text_format}}
        case other:
            raise Inexpressible(
                f"Bedrock has no response format {other!r}; it has 'json_schema'.", param="response_format"
            )


def _take_length(fields: Json) -> Json:
    deprecated = fields.pop("max_tokens", None)
    limit = fields.pop("max_completion_tokens", deprecated)
    if deprecated is not None and deprecated != limit:
        raise InvalidRequest("'max_tokens' and 'max_completion_tokens' differ; send one.", param="max_tokens")
    return {} if limit is None else {"maxTokens": limit}


def _take_stop(fields: Json) -> Json:
    stop = fields.pop("stop", [])
    given = [stop] if isinstance(stop, str) else to_list(stop, "stop")
    sequences = [sequence for sequence in given if sequence != ""]  # which Bedrock refuses
    return {"stopSequences": sequences} if sequences else {}


def _schema(wanted: Json) -> Json:
    """Bedrock takes the schema as text, and always keeps to it, so `strict` changes nothing."""
    wanted.pop("strict", None)
    schema = to_object(wanted.pop("schema", {}), "response_format.json_schema.schema")
    described: Json = {name: wanted.pop(name) for name in ("name", "description") if name in wanted}
    refuse_rest(wanted, "response_format.json_schema", provider="Bedrock")
    return {"schema": json.dumps(schema, ensure_ascii=False), **described}
