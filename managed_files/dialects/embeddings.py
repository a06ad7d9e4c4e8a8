"""Embeddings of models that do not write them as OpenAI does. Pure: bodies in, bodies out.

Sources: the text embeddings API of Vertex AI (`predict`), and Amazon's guide to the parameters of Titan's and Cohere's
embeddings on Bedrock (InvokeModel).
"""

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from managed_files.dialects.shape import present, refuse_rest
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]
_NOT_SENT = ("model", "user")  # the one stands in the address, the other is for OpenAI's abuse monitoring


@dataclass(frozen=True, slots=True)
class Native:
    """A model's answer to one call. `headers`: found whatever the case of their names."""

    content: Json
    headers: Mapping[str, str]


class EmbeddingFormat(Protocol):
    """How a model is asked for embeddings, and how it answers. `most`: texts in one call."""

    name: ClassVar[str]

    @property
    def most(self) -> int: ...

    def request(self, texts: Sequence[str], fields: Json) -> Json:
        """The body of one call. Takes the `fields` that it can say out of them."""

    def vectors(self, answer: Native) -> list[list[float]]:
        """One for each text of the call. KeyError or TypeError for an answer of another shape."""

    def tokens(self, answer: Native) -> int:
        """How many the call's texts had."""


@dataclass(frozen=True, slots=True)
class VertexEmbeddings:
    """`predict` of Google's text embedding models."""

    name: ClassVar[str] = "Vertex AI"
    most: int

    def request(self, texts: Sequence[str], fields: Json) -> Json:
        told = _taken(fields, {"task_type": "task_type", "title": "title"})
        parameters = _taken(fields, {"dimensions": "outputDimensionality", "auto_truncate": "autoTruncate"})
        return {"instances": [{"content": text, **told} for text in texts], "parameters": parameters}

    def vectors(self, answer: Native) -> list[list[float]]:
        return [item["embeddings"]["values"] for item in answer.content["predictions"]]

    def tokens(self, answer: Native) -> int:
        counts = [item["embeddings"].get("statistics") or {} for item in answer.content["predictions"]]
        return sum(int(count.get("token_count") or 0) for count in counts)  # it comes as a number with a point


@dataclass(frozen=True, slots=True)
class TitanEmbeddings:
    """Amazon's own on Bedrock, one text a call."""

    name: ClassVar[str] = "Titan"
    most: int = 1

    def request(self, texts: Sequence[str], fields: Json) -> Json:
        return {"inputText": texts[0], **_taken(fields, {"dimensions": "dimensions", "normalize": "normalize"})}

    def vectors(self, answer: Native) -> list[list[float]]:
        return [answer.content["embedding"]]

    def tokens(self, answer: Native) -> int:
        return int(answer.content.get("inputTextTokenCount") or 0)


@dataclass(frozen=True, slots=True)
class CohereEmbeddings:
    """Cohere's on Bedrock, which wants to know what the texts are for: to be searched, unless `input_type` says."""

    name: ClassVar[str] = "Cohere"
    most: int = 96

    def request(self, texts: Sequence[str], fields: Json) -> Json:
        names = {"input_type": "input_type", "truncate": "truncate", "dimensions": "output_dimension"}
        return {"texts": list(texts), "input_type": "search_document", **_taken(fields, names)}

    def vectors(self, answer: Native) -> list[list[float]]:
        found = answer.content["embeddings"]
        vectors: list[list[float]] = found["float"] if isinstance(found, dict) else found
        return vectors

    def tokens(self, answer: Native) -> int:
        return int(answer.headers.get("X-Amzn-Bedrock-Input-Token-Count") or 0)


def requests(body: Json, embeddings: EmbeddingFormat) -> list[Json]:
    """The bodies of the calls that OpenAI's `body` comes to, in order. Raises InvalidRequest naming the field."""
    texts, most = _texts(body.get("input"), embeddings), embeddings.most
    _encoded(body)
    calls = []
    for start in range(0, len(texts), most):
        fields = present(body, "body")
        for name in ("input", "encoding_format", *_NOT_SENT):
            fields.pop(name, None)
        calls.append(embeddings.request(texts[start : start + most], fields))
        refuse_rest(fields, provider=embeddings.name)
    return calls


def response(body: Json, answers: Sequence[Native], embeddings: EmbeddingFormat) -> Json:
    """OpenAI's answer. Raises ValueError if a model's is none."""
    try:
        vectors = [vector for answer in answers for vector in embeddings.vectors(answer)]
        count = sum(map(embeddings.tokens, answers))
        written = [_base64(vector) if _encoded(body) else list(vector) for vector in vectors]
    except (KeyError, TypeError, AttributeError, IndexError, struct.error) as odd:
        raise ValueError("no embeddings") from odd
    if len(written) != len(_texts(body["input"], embeddings)):
        raise ValueError("not one embedding for each text")
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(written)]
    usage = {"prompt_tokens": count, "total_tokens": count}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


def _texts(value: Any, embeddings: EmbeddingFormat) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        raise InvalidRequest("'input' has to be a text or an array of texts.", param="input")
    if not all(isinstance(text, str) for text in texts):  # tokens of OpenAI's own models mean nothing to others
        raise Inexpressible(f"{embeddings.name} embeds texts, not tokens; send 'input' as text.", param="input")
    return texts


def _encoded(body: Json) -> bool:
    """Whether vectors are asked for as base64."""
    wanted = body.get("encoding_format") or "float"
    if wanted not in ("float", "base64"):
        raise InvalidRequest("'encoding_format' has to be float or base64.", param="encoding_format")
    return bool(wanted == "base64")


def _base64(vector: Sequence[float]) -> str:
    """32-bit numbers, the least significant byte first."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _taken(fields: Json, names: Mapping[str, str]) -> Json:
    """Takes the fields out under their other names."""
    return {other: fields.pop(name) for name, other in names.items() if name in fields}
