"""Embeddings at Google's OpenAI-compatible path: OpenAI's request and answer, Google's errors. Knows no state."""

import json

from managed_files.sandbox import openai_embeddings
from managed_files.sandbox.gemini_calls import in_an_array
from managed_files.sandbox.google_errors import rpc_error
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

_MODELS = {"gemini-embedding-001": 3072}


def embed(request: Request) -> Reply:
    """The answer to `POST openai/embeddings`."""
    try:
        return openai_embeddings.embed(request, _MODELS)
    except Refused as refused:
        status, body = refused.reply.status, refused.reply.body
        said = json.loads(body)["error"]["message"] if isinstance(body, bytes) else ""
        return in_an_array(json_reply(rpc_error(status, said), status))
