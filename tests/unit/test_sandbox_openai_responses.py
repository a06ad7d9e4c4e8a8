"""Responses at OpenAI's stand-in, driven by the official client."""

import base64
import hashlib
from collections.abc import Iterator

import openai
import pytest

from managed_files.sandbox import OpenAISandbox
from tests.sdk import openai_at

PDF = b"%PDF-1.4\n" + bytes(range(256))
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
TOOL = {
    "type": "function",
    "name": "look_up",
    "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
}
CALL = {"type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "call_1", "output": "found"}


@pytest.fixture
def client() -> Iterator[openai.OpenAI]:
    keys = {"sk-one": "project-1", "sk-two": "project-2"}
    with (
        OpenAISandbox(api_keys=keys) as server,
        openai_at(f"{server.url}/v1", "sk-one") as made,
    ):
        yield made


def asked(client, given, **fields):
    return client.responses.create(model="gpt-4o-mini", input=given, **fields)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_an_answer_proves_what_arrived(client):
    paper = client.files.create(file=("paper.pdf", PDF), purpose="user_data").id
    picture = client.files.create(file=("a.png", PNG, "image/png"), purpose="user_data").id
    inline = f"data:application/pdf;base64,{base64.b64encode(PDF + b'!').decode()}"
    parts = [
        {"type": "input_text", "text": "What are they?"},
        {"type": "input_file", "file_id": paper},
        {"type": "input_image", "file_id": picture, "detail": "auto"},
        {"type": "input_file", "filename": "b.pdf", "file_data": inline},
        {"type": "input_file", "file_url": "https://example.test/c.pdf"},
        {"type": "input_image", "image_url": "https://example.test/d.png", "detail": "auto"},
    ]
    answer = asked(client, [{"role": "user", "content": parts}])

    seen = [digest(PDF), digest(PNG), digest(PDF + b"!"), "c.pdf", "d.png", "You said: What are they?"]
    lines = answer.output_text.split("\n")
    assert (answer.status, [wanted in line for wanted, line in zip(seen, lines, strict=True)]) == (
        "completed",
        [True] * 6,
    )
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_a_containers_files_are_seen(client):
    paper = client.files.create(file=("paper.pdf", PDF), purpose="user_data").id
    tool = {"type": "code_interpreter", "container": {"type": "auto", "file_ids": [paper]}}
    assert digest(PDF) in asked(client, "Count.", tools=[tool]).output_text


def test_a_function_is_called_and_its_result_is_heard(client):
    called = asked(client, "Use look_up.", tools=[TOOL]).output
    heard = asked(client, [{"role": "user", "content": "Use look_up."}, CALL, RESULT], tools=[TOOL])
    assert ([item.type for item in called], "The tool answered: found" in heard.output_text) == (
        ["function_call"],
        True,
    )


def test_an_answer_follows_a_schema(client):
    schema = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
    text = {"format": {"type": "json_schema", "name": "answer", "schema": schema}}
    assert asked(client, "hello", text=text).output_text == '{"word": "You said: hello"}'


def test_an_answer_may_be_cut(client):
    answer = asked(client, "word " * 40, max_output_tokens=16)
    assert (answer.status, answer.incomplete_details.reason, len(answer.output_text.split())) == (
        "incomplete",
        "max_output_tokens",
        16,
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"extra_body": {"messages": []}}, "messages"),
        ({"extra_body": {"previous_response_id": "resp_1"}}, "previous_response_id"),
        ({"max_output_tokens": 1}, "max_output_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"tools": [{"type": "function", "function": {"name": "look_up"}}]}, "tools[0]"),
        ({"tool_choice": "always"}, "tool_choice"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format"),
        ({"input": []}, "input"),
        ({"input": [RESULT]}, "input"),
        ({"input": [{"type": "odd"}]}, "input[0]"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "input[0].content[0]"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-none"}]}]},
            "input[0].content[0].file_id",
        ),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].file_id"),
    ],
)
def test_what_openai_refuses_is_refused(client, fields, param):
    with pytest.raises(openai.BadRequestError) as refused:
        asked(client, fields.pop("input", "hello"), **fields)
    assert refused.value.param == param


def test_a_file_of_another_project_does_not_exist(client):
    paper = client.files.create(file=("paper.pdf", PDF), purpose="user_data").id
    with pytest.raises(openai.BadRequestError):
        asked(
            client.with_options(api_key="sk-two"),
            [{"role": "user", "content": [{"type": "input_file", "file_id": paper}]}],
        )


def test_an_image_is_no_document(client):
    picture = client.files.create(file=("a.png", PNG, "image/png"), purpose="user_data").id
    with pytest.raises(openai.BadRequestError, match="input_image"):
        asked(client, [{"role": "user", "content": [{"type": "input_file", "file_id": picture}]}])
