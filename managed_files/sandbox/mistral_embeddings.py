"""Mistral's embeddings: vectors made of the text's digest, so that equal texts have equal ones. Pure functions.

Wire facts: Mistral's API description.
"""

import hashlib
import secrets

from managed_files.sandbox.answers import Json, tokens
from managed_files.sandbox.mistral_chat import read_object
from managed_files.sandbox.mistral_errors import bad, invalid
from managed_files.sandbox.wire import Request

EMBEDDING_MODELS = ("mistral-embed",)
_FIELDS = {"model", "input", "metadata", "output_dimension", "output_dtype", "encoding_format"}


def embed(request: Request) -> Json:
    """EmbeddingResponse. Raises a 422 that names the place, a 400 for an unknown model."""
    body = read_object(request)
    for name in sorted(body.keys() - _FIELDS):
        raise invalid(("body", name), "Extra inputs are not permitted", "extra_forbidden")
    texts = [body.get("input")] if isinstance(body.get("input"), str) else body.get("input")
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise invalid(("body", "input"), "Input should be a valid string", "string_type")
    if body.get("model") not in EMBEDDING_MODELS:
        raise bad(f"Invalid model: {body.get('model')}", kind="invalid_model", code="1500")
    data = [{"object": "embedding", "embedding": _vector(text), "index": at} for at, text in enumerate(texts)]
    count = sum(len(tokens(text)) for text in texts)
    usage = {"prompt_tokens": count, "completion_tokens": 0, "total_tokens": count}
    return {"id": secrets.token_hex(16), "object": "list", "data": data, "model": body["model"], "usage": usage}


def _vector(text: str) -> list[float]:
    return [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:8]]
