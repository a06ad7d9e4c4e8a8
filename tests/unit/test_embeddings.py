"""Embeddings in other words than OpenAI's."""

import base64
import struct
from typing import Any

import pytest

from managed_files.dialects.embeddings import (
    CohereEmbeddings,
    EmbeddingFormat,
    Native,
    TitanEmbeddings,
    VertexEmbeddings,
    requests,
    response,
)
from managed_files.errors import InvalidRequest

TEXTS = ["one", "two", "three"]
FORMATS: list[EmbeddingFormat] = [VertexEmbeddings(most=2), TitanEmbeddings(), CohereEmbeddings()]


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "input": TEXTS, "user": "somebody", "encoding_format": None, **fields}


def vertex(*vectors: list[float]) -> Native:
    found = [{"embeddings": {"values": vector, "statistics": {"token_count": 2.0}}} for vector in vectors]
    return Native({"predictions": found}, {})


@pytest.mark.parametrize(
    ("embeddings", "fields", "calls"),
    [
        (
            VertexEmbeddings(most=2),
            {"dimensions": 5, "task_type": "CLASSIFICATION"},
            [
                {
                    "instances": [{"content": text, "task_type": "CLASSIFICATION"} for text in texts],
                    "parameters": {"outputDimensionality": 5},
                }
                for texts in (["one", "two"], ["three"])
            ],
        ),
        (TitanEmbeddings(), {"dimensions": 5}, [{"inputText": text, "dimensions": 5} for text in TEXTS]),
        (CohereEmbeddings(), {}, [{"texts": TEXTS, "input_type": "search_document"}]),
        (
            CohereEmbeddings(),
            {"input_type": "clustering", "truncate": "END", "dimensions": 5},
            [{"texts": TEXTS, "input_type": "clustering", "truncate": "END", "output_dimension": 5}],
        ),
    ],
)
def test_requests(embeddings: EmbeddingFormat, fields: dict[str, Any], calls: list[dict[str, Any]]) -> None:
    assert requests(body(**fields), embeddings) == calls


@pytest.mark.parametrize("embeddings", FORMATS, ids=lambda item: item.name)
@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": [1, 2]}, "input"),
        ({"input": [[1], [2]]}, "input"),
        ({"input": []}, "input"),
        ({"input": None}, "input"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"shoe_size": 43}, "shoe_size"),
    ],
)
def test_what_cannot_be_said(embeddings: EmbeddingFormat, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        requests(body(**fields), embeddings)
    assert caught.value.param == param


def test_an_answer_put_together_from_several() -> None:
    answer = response(body(), [vertex([1.0], [2.0]), vertex([3.0])], VertexEmbeddings(most=2))
    assert answer == {
        "object": "list",
        "data": [{"object": "embedding", "index": at, "embedding": [at + 1.0]} for at in range(3)],
        "model": "m",
        "usage": {"prompt_tokens": 6, "total_tokens": 6},
    }


@pytest.mark.parametrize("vectors", [[[0.5]], {"float": [[0.5]]}])
def test_cohere_has_two_ways_to_answer_and_counts_in_a_header(vectors: Any) -> None:
    native = Native({"embeddings": vectors}, {"X-Amzn-Bedrock-Input-Token-Count": "7"})
    answer = response(body(input="one"), [native], CohereEmbeddings())
    assert (answer["data"][0]["embedding"], answer["usage"]["total_tokens"]) == ([0.5], 7)


def test_vectors_as_base64() -> None:
    native = Native({"embedding": [0.5, -1.0], "inputTextTokenCount": 1}, {})
    answer = response(body(input="one", encoding_format="base64"), [native], TitanEmbeddings())
    assert struct.unpack("<2f", base64.b64decode(answer["data"][0]["embedding"])) == (0.5, -1.0)


@pytest.mark.parametrize("content", [{}, {"predictions": []}, {"predictions": [{}]}, {"predictions": 5}])
def test_an_answer_that_is_none(content: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="embedding"):
        response(body(input="one"), [Native(content, {})], VertexEmbeddings(most=1))
