"""Requests that make no sense: every dialect that translates names the field, and never crashes."""

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import strategies as st

from managed_files.dialects.registry import DIALECTS
from managed_files.errors import InvalidRequest
from tests.lengths import EXAMPLES, for_any

MODELS = [
    ("gemini", "gemini-3-pro"),
    ("mistral", "mistral-small-latest"),
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-opus-5-5"),
    ("converse", "us.amazon.nova-2-lite-v1:0"),
    ("converse", "anthropic.claude-sonnet-4-5"),
]
ROLES = ["system", "developer", "user", "assistant", "tool", "function"]
KINDS = ["text", "refusal", "image_url", "input_audio", "file"]
NOUNS = ["type", "text", "file", "image_url", "url", "function", "json_schema", "allowed_tools", "auto", "a", "data:,",
         "{}", "high", "s3://b/k.pdf", "application/pdf"]  # fmt: skip
KEYS = [
    "role", "content", "type", "text", "file", "file_id", "file_data", "filename", "format", "image_url", "url", "data",
    "input_audio", "tool_calls", "tool_call_id", "id", "function", "name", "arguments", "parameters", "extra_content",
    "google", "anthropic", "mistral", "thinking_config", "thinking_blocks", "json_schema", "schema", "mode", "tools",
    "allowed_tools", "cache_control", "signature", "chunks", "prefix", "citations", "$ref", "$defs", "definitions",
    "const", "anyOf", "allOf", "items", "properties", "additionalProperties",
]  # fmt: skip
FIELDS = [
    "messages", "tools", "functions", "tool_choice", "function_call", "parallel_tool_calls", "response_format", "stop",
    "metadata", "google", "thinking", "extra_body", "output_config", "labels", "modalities", "max_tokens", "n", "seed",
    "reasoning_effort", "service_tier", "store", "logit_bias", "prediction", "temperature", "top_k", "user", "audio",
]  # fmt: skip

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(NOUNS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)
BEGIN = {"role": "user", "content": "Hi"}
MESSAGES = st.builds(
    lambda role, content, key, value: {"messages": [BEGIN, {"content": content, key: value, "role": role}]},
    st.sampled_from(ROLES), JUNK, st.sampled_from(KEYS), JUNK,
)  # fmt: skip
PARTS = st.builds(
    lambda kind, value: {"messages": [{"role": "user", "content": [{"type": kind, kind: value}]}]},
    st.sampled_from(KINDS), JUNK,
)  # fmt: skip
SCHEMAS = st.builds(
    lambda schema, place: {
        "messages": [BEGIN],
        **(
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}}
            if place
            else {"tools": [{"type": "function", "function": {"name": "a", "parameters": schema}}]}
        ),
    },
    JUNK, st.booleans(),
)  # fmt: skip
BODIES = st.builds(lambda field, value: {"messages": [BEGIN], field: value}, st.sampled_from(FIELDS), JUNK)


def is_translated_or_named(body: dict[str, Any], dialect: str, model: str) -> bool:
    """Whether it becomes JSON, or a refusal that names its field."""
    try:
        return json.dumps(DIALECTS[dialect].request(body, model)) != ""
    except InvalidRequest as error:
        return error.param is not None


@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("requests", [MESSAGES, PARTS, BODIES, SCHEMAS], ids=["messages", "parts", "fields", "schemas"])
@pytest.mark.parametrize(("dialect", "model"), MODELS)
def test_nonsense(dialect: str, model: str, requests: st.SearchStrategy[Any], examples: int) -> None:
    for_any(requests, examples, partial(is_translated_or_named, dialect=dialect, model=model))
