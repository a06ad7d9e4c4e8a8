"""Messages and their parts for Bedrock, checked against AWS's own service model."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.dialects.converse_types import document_name
from managed_files.dialects.registry import DIALECTS
from managed_files.errors import InvalidRequest
from tests.converse_model import assert_request

Json = dict[str, Any]
NOVA = "amazon.nova-lite-v1:0"
PDF = {"type": "file", "file": {"file_id": "s3://bucket/p/id/my paper.v2.pdf", "format": "application/pdf"}}
S3_PDF = {"s3Location": {"uri": "s3://bucket/p/id/my paper.v2.pdf"}}
TEXT = {"type": "text", "text": "look"}


def request_of(*messages: Json, model: str = NOVA) -> Json:
    request = DIALECTS["converse"].request({"messages": list(messages)}, model)
    assert_request(request)
    return request


def blocks(*parts: Json) -> list[Json]:
    """The blocks of one user's message."""
    return request_of({"role": "user", "content": list(parts)})["messages"][0]["content"]


def refused(*messages: Json, model: str = NOVA) -> str | None:
    with pytest.raises(InvalidRequest) as caught:
        request_of(*messages, model=model)
    return caught.value.param


def call(call_id: str = "c1", arguments: str = '{"at": 1}') -> Json:
    return {"id": call_id, "type": "function", "function": {"name": "look", "arguments": arguments}}


def use(call_id: str = "c1") -> Json:
    return {"toolUse": {"toolUseId": call_id, "name": "look", "input": {"at": 1}}}


def result(text: str, call_id: str = "c1") -> Json:
    return {"toolResult": {"toolUseId": call_id, "content": [{"text": text}]}}


def test_roles_go_where_bedrock_wants_them() -> None:
    request = request_of(
        {"role": "system", "content": "one"},
        {"role": "user", "content": "a"},
        {"role": "developer", "content": [{"type": "text", "text": "two", "cache_control": {"type": "ephemeral"}}]},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": "c", "refusal": None, "annotations": []},
    )
    assert (request["system"], request["messages"]) == (
        [{"text": "one"}, {"text": "two"}, {"cachePoint": {"type": "default"}}],
        [
            {"role": "user", "content": [{"text": "a"}, {"text": "b"}]},
            {"role": "assistant", "content": [{"text": "c"}]},
        ],
    )


def test_results_of_a_turn_and_the_next_words_are_one_message() -> None:
    request = request_of(
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call("c1"), call("c2")]},
        {"role": "tool", "tool_call_id": "c1", "content": "one"},
        {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "two"}]},
        {"role": "user", "content": "and?"},
    )
    assert request["messages"][1:] == [
        {"role": "assistant", "content": [use("c1"), use("c2")]},
        {"role": "user", "content": [result("one", "c1"), result("two", "c2"), {"text": "and?"}]},
    ]


def test_an_empty_result_says_that_it_is_empty() -> None:
    messages = [{"role": "assistant", "tool_calls": [call()]}, {"role": "tool", "tool_call_id": "c1", "content": ""}]
    assert request_of(*messages)["messages"][1]["content"] == [result("(no output)")]


def test_an_id_of_another_provider_is_made_fit_on_both_sides() -> None:
    foreign = "call|" + "x" * 80
    messages = [
        {"role": "assistant", "tool_calls": [call(foreign)]},
        {"role": "tool", "tool_call_id": foreign, "content": "seen"},
    ]
    said, answered = request_of(*messages)["messages"]
    made = said["content"][0]["toolUse"]["toolUseId"]
    assert (made, len(made)) == (answered["content"][0]["toolResult"]["toolUseId"], 37)


def test_the_deprecated_form_of_a_call() -> None:
    messages = [
        {"role": "assistant", "content": "", "function_call": {"name": "look", "arguments": '{"at": 1}'}},
        {"role": "function", "name": "look", "content": "seen"},
    ]
    said, answered = request_of(*messages)["messages"]
    made = said["content"][0]["toolUse"]["toolUseId"]
    assert (said["content"], answered["content"]) == ([use(made)], [result("seen", made)])


def test_signed_thoughts_come_before_what_was_said() -> None:
    thoughts = [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "aGlkZGVu"},
    ]
    message = {"role": "assistant", "content": "c", "reasoning_content": "hm", "thinking_blocks": thoughts}
    assert request_of(message)["messages"][0]["content"] == [
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "aGlkZGVu"}},
        {"text": "c"},
    ]


# files


def test_a_stored_file_goes_by_its_address() -> None:
    assert blocks(TEXT, PDF) == [
        {"text": "look"},
        {"document": {"format": "pdf", "name": "my paper v2", "source": S3_PDF}},
    ]


def test_a_document_without_a_word_gets_one() -> None:
    assert [next(iter(block)) for block in blocks(PDF)] == ["document", "text"]


def test_documents_of_one_name_are_told_apart() -> None:
    assert [block["document"]["name"] for block in blocks(TEXT, PDF, PDF, PDF)[1:]] == [
        "my paper v2",
        "my paper v2 (2)",
        "my paper v2 (3)",
    ]


@pytest.mark.parametrize(
    ("mime_type", "block"),
    [
        ("image/png", {"image": {"format": "png", "source": S3_PDF}}),
        ("video/quicktime", {"video": {"format": "mov", "source": S3_PDF}}),
        ("audio/x-wav", {"audio": {"format": "wav", "source": S3_PDF}}),
        ("text/markdown; charset=utf-8", {"document": {"format": "md", "name": "my paper v2", "source": S3_PDF}}),
        ("application/x-ndjson", {"document": {"format": "txt", "name": "my paper v2", "source": S3_PDF}}),
        ("application/octet-stream", {"document": {"format": "pdf", "name": "my paper v2", "source": S3_PDF}}),
    ],
)
def test_the_mime_type_decides_the_block(mime_type: str, block: Json) -> None:
    part = {"type": "file", "file": {**PDF["file"], "format": mime_type}}
    assert blocks(TEXT, part)[1] == block


def test_data_in_the_message() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/gif;base64,aGk="}}
    audio = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}}
    paper = {"type": "file", "file": {"file_data": "aGk=", "filename": "a.b.docx"}}
    assert blocks(TEXT, image, audio, paper)[1:] == [
        {"image": {"format": "gif", "source": {"bytes": "aGk="}}},
        {"audio": {"format": "mp3", "source": {"bytes": "aGk="}}},
        {"document": {"format": "docx", "name": "a b", "source": {"bytes": "aGk="}}},
    ]


@pytest.mark.parametrize(
    "model",
    [
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.meta.llama3-1-8b-instruct-v1:0",
        "amazon.nova-micro-v1:0",
    ],
)
def test_a_model_that_does_not_read_s3_is_told_so(model: str) -> None:
    assert refused({"role": "user", "content": [TEXT, PDF]}, model=model) == "messages[0].content[1].file"


def test_a_profile_of_which_nobody_knows_the_model_is_left_to_bedrock() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdef123456"
    assert "document" in request_of({"role": "user", "content": [TEXT, PDF]}, model=arn)["messages"][0]["content"][1]


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}, "image_url"),
        ({"type": "file", "file": {"file_id": "file-abc"}}, "file.file_id"),
        ({"type": "file", "file": {"file_id": "s3://b/k", "format": "application/zip"}}, "file"),
        ({"type": "file", "file": {"file_id": "s3://b/k"}}, "file.format"),
        ({"type": "file", "file": {"file_data": "data:nonsense"}}, "file"),
        ({"type": "video_url", "video_url": {"url": "x"}}, "type"),
        ({"type": "text", "text": "a", "cache_control": {"type": "for ever"}}, "cache_control"),
    ],
)
def test_a_wrong_part_is_named(part: Json, param: str) -> None:
    assert refused({"role": "user", "content": [part]}) == f"messages[0].content[0].{param}"


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"role": "robot", "content": "a"}, "role"),
        ({"role": "user", "content": "a", "name": "bob"}, "name"),
        ({"role": "assistant", "tool_calls": [call(arguments="[]")]}, "tool_calls[0].function.arguments"),
        ({"role": "assistant", "tool_calls": [call(arguments="{")]}, "tool_calls[0].function.arguments"),
        ({"role": "assistant", "thinking_blocks": [{"type": "x"}]}, "thinking_blocks[0].type"),
        ({"role": "tool", "content": "a"}, "tool_call_id"),
    ],
)
def test_a_wrong_message_is_named(message: Json, param: str) -> None:
    assert refused(message) == f"messages[0].{param}"


def test_nothing_to_say_is_refused() -> None:
    assert refused({"role": "system", "content": "a"}, {"role": "user", "content": " "}) == "messages"


@settings(deadline=None)
@given(st.lists(st.text(max_size=250), max_size=4))
def test_any_filenames_become_names_that_bedrock_takes(filenames: list[str]) -> None:
    names: list[str] = []
    for filename in filenames:
        names.append(document_name(filename, names))
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-()[] ")
    right = [set(name) <= allowed and 0 < len(name) <= 200 and "  " not in name for name in names]
    assert (all(right), len(set(names))) == (True, len(names))
