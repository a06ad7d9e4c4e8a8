"""Embeddings of Titan and Cohere by InvokeModel. Wire facts: Amazon's guide to their parameters. Knows no state."""

from typing import Any

from managed_files.sandbox.answers import Json, tokens
from managed_files.sandbox.bedrock_errors import invalid
from managed_files.sandbox.openai_embeddings import vector
from managed_files.sandbox.wire import Refused, Reply, json_reply

_TITAN = {"amazon.titan-embed-text-v2:0": (1024, 512, 256), "amazon.titan-embed-text-v1": ()}
_COHERE = {"cohere.embed-english-v3": 1024, "cohere.embed-multilingual-v3": 1024}
_USES = ("search_document", "search_query", "classification", "clustering")
_MOST_TEXTS = 96


def invoke(model: str, body: Any) -> Reply:
    """The answer to InvokeModel. Raises a ValidationException."""
    if not isinstance(body, dict):
        raise _malformed("expected an object")
    if model in _TITAN:
        return _titan(body, _TITAN[model])
    if model in _COHERE:
        return _cohere(body, _COHERE[model])
    raise invalid("The provided model identifier is invalid.")


def _titan(body: Json, sizes: tuple[int, ...]) -> Reply:
    _check_names(body, {"inputText", *(("dimensions", "normalize", "embeddingTypes") if sizes else ())})
    text = body.get("inputText")
    if not isinstance(text, str) or not text:
        raise _malformed("required key [inputText] not found")
    size = body.get("dimensions", sizes[0] if sizes else 1536)
    if sizes and size not in sizes:
        raise _malformed(f"#/dimensions: {size} is not a valid enum value")
    found = vector(text, size)
    more = {"embeddingsByType": {"float": found}} if sizes else {}
    return _counted({"embedding": found, "inputTextTokenCount": len(tokens(text)), **more}, [text])


def _cohere(body: Json, size: int) -> Reply:
    _check_names(body, {"texts", "input_type", "truncate", "embedding_types"})
    texts = body.get("texts")
    if not isinstance(texts, list) or not 0 < len(texts) <= _MOST_TEXTS or not all(isinstance(x, str) for x in texts):
        raise _malformed(f"#/texts: expected from 1 to {_MOST_TEXTS} strings")
    if body.get("input_type") not in _USES:
        raise _malformed(f"#/input_type: {body.get('input_type')} is not a valid enum value")
    found = [vector(text, size) for text in texts]
    return _counted({"embeddings": found, "id": "0", "response_type": "embeddings_floats", "texts": texts}, texts)


def _counted(answer: Json, texts: list[str]) -> Reply:
    count = sum(len(tokens(text)) for text in texts)
    return json_reply(answer, 200, {"X-Amzn-Bedrock-Input-Token-Count": str(count)})


def _check_names(body: Json, known: set[str]) -> None:
    for name in body.keys() - known:
        raise _malformed(f"#: extraneous key [{name}] is not permitted")


def _malformed(why: str) -> Refused:
    return invalid(f"Malformed input request: {why}, please reformat your input and try again.")
