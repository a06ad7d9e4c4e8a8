"""OpenAI's embeddings: reads a request and answers it with vectors made of the text's digest. Knows no state."""

import base64
import json
import random
import struct
from collections.abc import Mapping
from typing import Any

from managed_files.sandbox.answers import Json, tokens
from managed_files.sandbox.openai_errors import bad, model_not_found
from managed_files.sandbox.wire import Reply, Request, json_reply

EMBEDDING_MODELS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
_FIELDS = {"model", "input", "encoding_format", "dimensions", "user"}


def embed(request: Request, models: Mapping[str, int] = EMBEDDING_MODELS) -> Reply:
    """The answer to `POST /embeddings`. `models`: numbers in a vector by name. Raises a 400 or 404."""
    try:
        body = request.body.json()
    except ValueError as error:
        raise bad("We could not parse the JSON body of your request.") from error
    for name in ("model", "input"):
        if not isinstance(body, dict) or not body.get(name):
            raise bad(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    for extra in body.keys() - _FIELDS:
        raise bad(f"Unknown parameter: '{extra}'.", param=extra, code="unknown_parameter")
    inputs = _inputs(body["input"])
    size, encoded = _size(body, models), _encoded(body)
    vectors = [vector(text, size) for text in inputs]
    data = [
        {"object": "embedding", "index": index, "embedding": _base64(vector) if encoded else vector}
        for index, vector in enumerate(vectors)
    ]
    count = sum(len(tokens(text)) for text in inputs)
    usage = {"prompt_tokens": count, "total_tokens": count}
    return json_reply({"object": "list", "data": data, "model": body["model"], "usage": usage})


def _inputs(given: Any) -> list[str]:
    """A text, texts, a list of tokens, or lists of tokens; tokens stand for their numbers as text."""
    if isinstance(given, str):
        return [given]
    if isinstance(given, list) and all(isinstance(item, int) for item in given):
        return [json.dumps(given)]
    if isinstance(given, list) and all(isinstance(item, str | list) and item for item in given):
        return [item if isinstance(item, str) else json.dumps(item) for item in given]
    raise bad("'$.input' is invalid. Please check the API reference.", param="input")


def _size(body: Json, models: Mapping[str, int]) -> int:
    most = models.get(body["model"])
    if most is None:
        raise model_not_found(body["model"])
    size = body.get("dimensions", most)
    if not isinstance(size, int) or not 1 <= size <= most:
        raise bad(f"Invalid value for 'dimensions': expected an integer from 1 to {most}.", param="dimensions")
    return size


def _encoded(body: Json) -> bool:
    kind = body.get("encoding_format", "float")
    if kind not in ("float", "base64"):
        message = f"Invalid value: '{kind}'. Supported values are: 'float' and 'base64'."
        raise bad(message, param="encoding_format", code="invalid_value")
    return bool(kind == "base64")


def vector(text: str, size: int) -> list[float]:
    """Of length 1, the same for the same text everywhere."""
    numbers = random.Random(text)  # noqa: S311 – not for secrets
    raw = [numbers.uniform(-1, 1) for _ in range(size)]
    length = sum(number * number for number in raw) ** 0.5
    return [round(number / length, 8) for number in raw]


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
