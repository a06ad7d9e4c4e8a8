"""A conversation that goes on with another provider's model: what the first one's answer added stands in no way."""

import json

import pytest

from managed_files.dialects.registry import DIALECTS

ANSWERED = {
    "role": "assistant",
    "content": "Aye.",
    "refusal": None,
    "annotations": [{"type": "url_citation", "url_citation": {"url": "https://e.com"}}],
    "citations": [{"url": "https://e.com"}],
    "extra_content": {"google": {"thought_signature": "c2ln"}, "mistral": {"signature": "c2ln"}},
    "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}],
    "reasoning_content": "hm",
    "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}],
    "tool_calls": [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": "c2ln"}},
        }
    ],
}
TALK = [
    {"role": "user", "content": "Aye?"},
    ANSWERED,
    {"role": "tool", "tool_call_id": "call_1", "content": "4"},
    {"role": "user", "content": "So?"},
]


@pytest.mark.parametrize(
    ("dialect", "model"),
    [
        ("gemini", "gemini-3-pro"),
        ("mistral", "mistral-small-latest"),
        ("anthropic", "claude-sonnet-4-5"),
        ("converse", "us.amazon.nova-2-lite-v1:0"),
    ],
)
def test_every_dialect_goes_on_from_every_answer(dialect: str, model: str) -> None:
    asked = json.dumps(DIALECTS[dialect].request({"messages": TALK}, model))
    assert ("Aye." in asked, "annotations" in asked, "e.com" in asked) == (True, False, False)
