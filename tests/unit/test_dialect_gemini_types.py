"""MIME types in Gemini's spelling."""

import pytest

from managed_files.dialects.gemini_types import for_gemini


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("application/pdf", "application/pdf"),
        ("image/png", "image/png"),
        ("audio/wav", "audio/wav"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("text/csv", "text/plain"),
        ("text/markdown", "text/plain"),
        ("application/json", "text/plain"),
        ("application/jsonl", "text/plain"),
        ("Application/LD+JSON", "text/plain"),
        ("application/zip", "application/zip"),
        ("audio/x-wav", "audio/wav"),
        ("image/jpg", "image/jpeg"),
    ],
)
def test_texts_go_as_plain_text_and_odd_spellings_as_the_documented_one(declared: str, told: str) -> None:
    assert for_gemini(declared) == told
