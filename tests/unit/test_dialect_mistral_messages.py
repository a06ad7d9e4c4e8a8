"""Messages for Mistral, and whatever OpenAI's clients may send, checked against the types of Mistral's own SDK."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.dialects.registry import DIALECTS
from tests.mistral_requests import HELLO, assert_known, translate

Json = dict[str, Any]
CALL_ID = "74196fe72"  # what "call_1" becomes
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def said(*parts: Json, role: str = "user") -> Any:
    """The content that the parts become."""
    (message,) = translate({"messages": [{"role": role, "content": list(parts)}]})["messages"]
    return message["content"]


@pytest.mark.parametrize("role", ["system", "developer"])
def test_instructions(role: str) -> None:
    messages = [{"role": role, "content": [{"type": "text", "text": "Be brief"}]}, *HELLO]
    assert translate({"messages": messages})["messages"][0] == {
        "role": "system",
        "content": [{"type": "text", "text": "Be brief"}],
    }


@pytest.mark.parametrize(
    ("part", "chunk"),
    [
        ({"type": "text", "text": "a", "cache_control": {}}, {"type": "text", "text": "a"}),
        ({"type": "file", "file": {"file_id": "u-1", "format": "application/pdf"}}, {"type": "file", "file_id": "u-1"}),
        ({"type": "file", "file_id": "u-1"}, {"type": "file", "file_id": "u-1"}),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"}},
            {"type": "document_url", "document_url": "data:application/pdf;base64,AA==", "document_name": "a.pdf"},
        ),
        (
            {"type": "file", "file": {"file_data": "AA==", "filename": "a.txt"}},
            {"type": "document_url", "document_url": "data:text/plain;base64,AA==", "document_name": "a.txt"},
        ),
        (
            {"type": "file", "file": {"file_data": "AA=="}},
            {"type": "document_url", "document_url": "data:application/pdf;base64,AA=="},
        ),
        (
            {"type": "file", "file": {"file_data": "data:image/png;base64,AA==", "filename": "a.png"}},
            {"type": "image_url", "image_url": "data:image/png;base64,AA=="},
        ),
        (
            {"type": "file", "file": {"file_data": "data:audio/wav;base64,AA=="}},
            {"type": "input_audio", "input_audio": "AA=="},
        ),
        (
            {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low", "format": "image/png"}},
            {"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}},
        ),
        ({"type": "image_url", "image_url": "https://a/b"}, {"type": "image_url", "image_url": "https://a/b"}),
        (
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
            {"type": "input_audio", "input_audio": "AA=="},
        ),
        ({"type": "document_url", "document_url": "https://a"}, {"type": "document_url", "document_url": "https://a"}),
    ],
)
def test_parts(part: Json, chunk: Json) -> None:
    assert said(part) == [chunk]


def test_tool_calls_and_their_results_keep_together() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    asked = {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None, "annotations": []}
    messages = [*HELLO, asked, {"role": "tool", "tool_call_id": "call_1", "content": "4"}]
    assert translate({"messages": messages})["messages"][1:] == [
        {"role": "assistant", "tool_calls": [{**call, "id": CALL_ID}]},
        {"role": "tool", "tool_call_id": CALL_ID, "content": "4"},
    ]


def test_a_function_and_its_result_keep_together() -> None:
    asked = {"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "{}"}}
    messages = [asked, {"role": "function", "name": "f", "content": "4"}]
    first, second = translate({"messages": messages})["messages"]
    assert (first["tool_calls"][0]["id"], first["content"]) == (second["tool_call_id"], "")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"content": "a", "prefix": True}, {"content": "a", "prefix": True}),
        ({"content": "", "refusal": "no"}, {"content": [{"type": "text", "text": "no"}]}),
        ({"content": "a", "extra_content": {"google": {"thought_signature": "s"}}}, {"content": "a"}),
        ({"content": [{"type": "refusal", "refusal": "no"}]}, {"content": [{"type": "text", "text": "no"}]}),
        (
            {"content": "a", "reasoning_content": "hm", "extra_content": {"mistral": {"signature": "s"}}},
            {
                "content": [
                    {
                        "type": "thinking",
                        "thinking": [{"type": "text", "text": "hm"}],
                        "closed": True,
                        "signature": "s",
                    },
                    {"type": "text", "text": "a"},
                ]
            },
        ),
    ],
)
def test_what_the_assistant_said(message: Json, told: Json) -> None:
    messages = [{"role": "assistant", **message}]
    assert translate({"messages": messages})["messages"] == [{"role": "assistant", **told}]


# anything that OpenAI's clients may send

TEXT = st.text(max_size=5)
IDS = st.sampled_from(["call_1", "abcdefghi", "call_2é", "toolu_012345678901234567890"])
PARTS = st.one_of(
    st.builds(lambda text: {"type": "text", "text": text}, TEXT),
    st.builds(lambda name: {"type": "file", "file": {"file_id": "u-1", "filename": name}}, TEXT),
    st.builds(lambda name: {"type": "file", "file": {"file_data": "AA==", "filename": name}}, TEXT),
    st.builds(lambda detail: {"type": "image_url", "image_url": {"url": "https://a", "detail": detail}},
              st.sampled_from(["auto", "low", "high"])),
    st.just({"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}}),
)  # fmt: skip
CONTENT = st.one_of(TEXT, st.lists(PARTS, min_size=1, max_size=3))
CALLS = st.builds(
    lambda key, text: {"id": key, "type": "function", "function": {"name": "f", "arguments": text}}, IDS, TEXT
)
MESSAGES = st.lists(
    st.one_of(
        st.builds(lambda role, text: {"role": role, "content": text}, st.sampled_from(["system", "developer"]), TEXT),
        st.builds(lambda content: {"role": "user", "content": content}, CONTENT),
        st.builds(
            lambda text, thought, calls: {
                "role": "assistant", "content": text, "reasoning_content": thought, "tool_calls": calls
            },
            st.none() | TEXT, st.none() | TEXT, st.none() | st.lists(CALLS, max_size=2),
        ),
        st.builds(lambda key, content: {"role": "tool", "tool_call_id": key, "content": content}, IDS, CONTENT),
    ),
    min_size=1,
    max_size=4,
)  # fmt: skip
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.none() | st.integers(0, 9),
        "max_completion_tokens": st.integers(1, 9),
        "temperature": st.none() | st.floats(0, 1),
        "stop": TEXT | st.lists(TEXT, max_size=2),
        "tools": st.lists(st.just(TOOL), max_size=2),
        "tool_choice": st.sampled_from(["auto", "none", "required"]),
        "response_format": st.sampled_from([{"type": "text"}, {"type": "json_object"}]),
        "n": st.integers(1, 3),
        "reasoning_effort": st.sampled_from(["none", "low", "high"]),
        "stream": st.booleans(),
        "user": TEXT,
        "metadata": st.dictionaries(TEXT, TEXT, max_size=2),
    },
)


@settings(deadline=None)
@given(MESSAGES, FIELDS)
def test_every_request_is_one_of_mistrals(messages: list[Json], fields: Json) -> None:
    assert_known(DIALECTS["mistral"].request({"messages": messages, **fields}, "m"))
