"""Mistral's stand-in, driven by Mistral's own client."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from mistralai.client import Mistral
from mistralai.client.errors import MistralError

from managed_files.sandbox import MistralSandbox

PDF = b"%PDF-1.4\n" + bytes(range(256)) * 40
KEYS = {"key-one": "workspace-1", "key-two": "workspace-2"}
SMALL, THINKER = "mistral-small-latest", "magistral-medium-latest"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]},
    },
}


@pytest.fixture
def sandbox() -> Iterator[MistralSandbox]:
    with MistralSandbox(api_keys=KEYS) as server:
        yield server


@pytest.fixture
def client(sandbox: MistralSandbox) -> Iterator[Mistral]:
    with Mistral(server_url=sandbox.url, api_key="key-one") as made:
        yield made


def upload(client: Mistral, purpose: Any = "ocr", name: str = "paper.pdf") -> str:
    return client.files.upload(file={"file_name": name, "content": PDF}, purpose=purpose).id


def ask(*chunks: dict[str, Any]) -> list[Any]:
    return [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, *chunks]}]


def post(sandbox: MistralSandbox, **body: Any) -> requests.Response:
    given = {"model": SMALL, "messages": [{"role": "user", "content": "Hi"}], **body}
    headers = {"Authorization": "Bearer key-one"}
    return requests.post(f"{sandbox.url}/v1/chat/completions", json=given, headers=headers, timeout=10)


def test_files_come_and_go(sandbox: MistralSandbox, client: Mistral) -> None:
    file_id = upload(client)
    content = client.files.download(file_id=file_id).read()
    told = client.files.retrieve(file_id=file_id)
    gone = client.files.delete(file_id=file_id).deleted

    assert (content, told.size_bytes, told.purpose, gone, sandbox.files) == (PDF, len(PDF), "ocr", True, {})


def test_pages_have_numbers_and_begin_with_the_newest(client: Mistral) -> None:
    ids = [upload(client) for _ in range(3)]
    pages = [client.files.list(page=number, page_size=2) for number in range(3)]

    assert [[file.id for file in page.data] for page in pages] == [[ids[2], ids[1]], [ids[0]], []]


@pytest.mark.parametrize("purpose", ["user_data", "assistants", "vision"])
def test_openais_purposes_are_refused(client: Mistral, purpose: str) -> None:
    with pytest.raises(MistralError) as caught:
        upload(client, purpose)

    assert caught.value.status_code == 422


def test_a_file_of_another_workspace_is_not_there(sandbox: MistralSandbox, client: Mistral) -> None:
    file_id = upload(client)
    with Mistral(server_url=sandbox.url, api_key="key-two") as other, pytest.raises(MistralError) as caught:
        other.files.retrieve(file_id=file_id)

    assert caught.value.status_code == 404


def test_a_chat_sees_the_file(client: Mistral) -> None:
    chunk = {"type": "file", "file_id": upload(client)}
    answer = client.chat.complete(model=SMALL, messages=ask(chunk))

    assert hashlib.sha256(PDF).hexdigest() in str(answer.choices[0].message.content)


def test_a_stream_says_the_same(client: Mistral) -> None:
    messages = ask({"type": "document_url", "document_url": "https://example.com/a.pdf"})
    whole = client.chat.complete(model=SMALL, messages=messages).choices[0].message.content
    events = list(client.chat.stream(model=SMALL, messages=messages))

    assert ("".join(event.data.choices[0].delta.content for event in events), events[-1].data.usage is None) == (
        whole,
        False,
    )


def test_a_reasoning_model_thinks_in_chunks(client: Mistral) -> None:
    content = client.chat.complete(model=THINKER, messages=ask()).choices[0].message.content

    assert [chunk.type for chunk in content] == ["thinking", "text"]


def test_a_tool_is_called_and_its_result_is_read(client: Mistral) -> None:
    messages = [{"role": "user", "content": "get_weather please"}]
    asked = client.chat.complete(model=SMALL, messages=messages, tools=[TOOL], tool_choice="any").choices[0]
    call = asked.message.tool_calls[0]
    messages += [asked.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    answer = client.chat.complete(model=SMALL, messages=messages, tools=[TOOL]).choices[0]

    assert (asked.finish_reason, len(call.id), "sunny" in answer.message.content) == ("tool_calls", 9, True)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"seed": 1}, "seed"),
        ({"max_completion_tokens": 1}, "max_completion_tokens"),
        ({"stream_options": {}}, "stream_options"),
        ({"temperature": 2}, "temperature"),
        ({"messages": [{"role": "developer", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "x", "name": "Ann"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "x"}}]}]}, "messages"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    ],
)
def test_what_mistral_does_not_know_is_a_422(sandbox: MistralSandbox, body: dict[str, Any], place: str) -> None:
    answer = post(sandbox, **body)

    assert (answer.status_code, answer.json()["detail"][0]["loc"][:2]) == (422, ["body", place])


CALL = {"id": "call_1", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([{"role": "assistant", "content": "", "tool_calls": [CALL]}], "3280"),
        ([{"role": "assistant", "content": "", "tool_calls": [{**CALL, "id": "abcdefghi"}]}], "3230"),
        ([{"role": "assistant", "content": "Hi"}], "3230"),
        ([{"role": "tool", "content": "4", "tool_call_id": "abcdefghi"}], "3230"),
    ],
)
def test_a_conversation_out_of_order_is_a_400(sandbox: MistralSandbox, messages: list[Any], code: str) -> None:
    answer = post(sandbox, messages=messages)

    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_key_that_nobody_knows(sandbox: MistralSandbox) -> None:
    answer = requests.get(f"{sandbox.url}/v1/files", headers={"Authorization": "Bearer wrong"}, timeout=10)

    assert (answer.status_code, answer.json()["message"]) == (401, "Unauthorized")
