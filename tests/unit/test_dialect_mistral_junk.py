"""Requests that make no sense: Mistral's dialect names the field and never crashes."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.dialects.registry import DIALECTS
from managed_files.errors import InvalidRequest

ROLES = ["system", "developer", "user", "assistant", "tool", "function"]
WORDS = [
    "type",
    "text",
    "file",
    "image_url",
    "url",
    "function",
    "json_schema",
    "allowed_tools",
    "auto",
    "a",
    "data:,",
    "{}",
]
KEYS = [
    "role", "content", "type", "text", "file", "file_id", "file_data", "image_url", "url", "input_audio", "tool_calls",
    "id", "function", "name", "arguments", "extra_content", "mistral", "chunks", "prefix", "parameters", "mode",
]  # fmt: skip
FIELDS = [
    "messages", "tools", "functions", "tool_choice", "function_call", "response_format", "prediction", "metadata",
    "seed", "extra_body", "modalities", "max_tokens", "reasoning_effort", "service_tier", "store", "logit_bias",
]  # fmt: skip

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)


def is_translated_or_named(body: dict[str, Any]) -> bool:
    try:
        return json.dumps(DIALECTS["mistral"].request(body, "m")) != ""
    except InvalidRequest as error:
        return error.param is not None


@settings(deadline=None)
@given(st.sampled_from(ROLES), JUNK, st.sampled_from(KEYS), JUNK)
def test_messages(role: str, content: Any, key: str, value: Any) -> None:
    assert is_translated_or_named({"messages": [{"content": content, key: value, "role": role}]})


@settings(deadline=None)
@given(st.sampled_from(["text", "refusal", "image_url", "input_audio", "file"]), JUNK)
def test_parts(kind: str, value: Any) -> None:
    assert is_translated_or_named({"messages": [{"role": "user", "content": [{"type": kind, kind: value}]}]})


@settings(deadline=None)
@given(st.sampled_from(FIELDS), JUNK)
def test_fields(field: str, value: Any) -> None:
    assert is_translated_or_named({"messages": [{"role": "user", "content": "Hi"}], field: value})
