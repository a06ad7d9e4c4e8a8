"""OpenAI's stand-in, driven by the official client."""

import hashlib
import io
import json
import socket
from collections.abc import Iterator

import openai
import pytest
import requests

from managed_files.sandbox import OpenAISandbox
from tests.sdk import openai_at

PDF = b"%PDF-1.4\n" + bytes(range(256)) * 40
KEYS = {"sk-one": "project-1", "sk-two": "project-2"}
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]},
    },
}


@pytest.fixture
def sandbox() -> Iterator[OpenAISandbox]:
    with OpenAISandbox(api_keys=KEYS) as server:
        yield server


def client_of(server: OpenAISandbox, key: str) -> openai.OpenAI:
    return openai_at(f"{server.url}/v1", key)


@pytest.fixture
def client(sandbox: OpenAISandbox) -> Iterator[openai.OpenAI]:
    with client_of(sandbox, "sk-one") as made:
        yield made


def ask(file_id: str, text: str = "What is it?") -> list[dict]:
    return [
        {"role": "user", "content": [{"type": "text", "text": text}, {"type": "file", "file": {"file_id": file_id}}]}
    ]


def proof(name: str, data: bytes, text: str = "What is it?") -> str:
    digest = hashlib.sha256(data).hexdigest()
    begins = "".join(chr(byte) if 32 <= byte < 127 else " " if byte < 128 else "?" for byte in data[:48])
    return f"{name}: application/pdf, {len(data)} bytes, sha256 {digest}; it begins: {begins}\nYou said: {text}"


def test_upload_stores_exactly_what_was_sent(sandbox, client):
    file = client.files.create(file=('a "b" ü.pdf', PDF), purpose="user_data")
    stored = sandbox.files[file.id]
    assert (file.bytes, stored.blob.read(), stored.filename) == (len(PDF), PDF, 'a "b" ü.pdf')


def test_upload_of_unknown_length(sandbox, client):
    class Stream(io.RawIOBase):
        def __init__(self):
            self.left = io.BytesIO(PDF)

        def readable(self):
            return True

        def readinto(self, buffer):
            return self.left.readinto(buffer)

    client.files.create(file=("s.pdf", Stream()), purpose="user_data")
    assert [stored.sha256 for stored in sandbox.files.values()] == [hashlib.sha256(PDF).hexdigest()]


def test_expiry_is_kept(client):
    file = client.files.create(
        file=("p.pdf", PDF), purpose="user_data", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert file.expires_at == file.created_at + 3600


def test_list_pages_newest_first(client):
    ids = [client.files.create(file=("p.pdf", PDF), purpose="vision").id for _ in range(5)]
    assert [file.id for file in client.files.list(limit=2)] == ids[::-1]


def test_list_filters_and_orders(client):
    first = client.files.create(file=("p.pdf", PDF), purpose="vision")
    client.files.create(file=("p.pdf", PDF), purpose="user_data")
    last = client.files.create(file=("p.pdf", PDF), purpose="vision")
    assert [file.id for file in client.files.list(purpose="vision", order="asc")] == [first.id, last.id]


def test_content_of_batch_input(client):
    file = client.files.create(file=("b.jsonl", b"{}\n"), purpose="batch")
    assert client.files.content(file.id).read() == b"{}\n"


def test_content_of_user_data_is_refused(client):
    file = client.files.create(file=("p.pdf", PDF), purpose="user_data")
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.content(file.id)
    assert caught.value.body == {
        "message": "Not allowed to download files of purpose: user_data",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def test_deleted_file_is_gone(client):
    file = client.files.create(file=("p.pdf", PDF), purpose="user_data")
    client.files.delete(file.id)
    with pytest.raises(openai.NotFoundError, match=f"No such File object: {file.id}"):
        client.files.retrieve(file.id)


def test_other_projects_see_nothing(sandbox, client):
    file = client.files.create(file=("p.pdf", PDF), purpose="user_data")
    with client_of(sandbox, "sk-two") as other, pytest.raises(openai.NotFoundError):
        other.files.retrieve(file.id)


def test_wrong_key(sandbox):
    with client_of(sandbox, "sk-nobody-knows-it") as stranger, pytest.raises(openai.AuthenticationError) as caught:
        stranger.files.list()
    assert (caught.value.code, "Incorrect API key provided: sk-nobo" in str(caught.value)) == ("invalid_api_key", True)


def test_unknown_purpose(client):
    with pytest.raises(openai.BadRequestError, match="'mine' is not one of"):
        client.files.create(file=("p.pdf", PDF), purpose="mine")


def test_unknown_field_stores_nothing(sandbox, client):
    with pytest.raises(openai.BadRequestError, match="Additional properties are not allowed"):
        client.files.create(file=("p.pdf", PDF), purpose="user_data", extra_body={"target_model_names": "x"})
    assert sandbox.files == {}


def test_too_large():
    with OpenAISandbox(max_file_bytes=100) as server, client_of(server, next(iter(server.api_keys))) as client:
        with pytest.raises(openai.APIStatusError) as caught:
            client.files.create(file=("p.pdf", PDF), purpose="user_data")
        assert (caught.value.status_code, server.files) == (413, {})


def test_truncated_form_stores_nothing(sandbox):
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="p.pdf"\r\n\r\n%PDF-'
    headers = {"Authorization": "Bearer sk-one", "Content-Type": "multipart/form-data; boundary=x"}
    answer = requests.post(f"{sandbox.url}/v1/files", data=body, headers=headers, timeout=10)
    assert (answer.status_code, dict(sandbox.files)) == (400, {})


def test_expect_continue(sandbox):
    head = (
        b"POST /v1/files HTTP/1.1\r\nAuthorization: Bearer sk-one\r\nExpect: 100-continue\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), 10) as raw:
        raw.sendall(head)
        interim = raw.recv(1000)
        raw.sendall(b"3\r\n--x\r\n0\r\n\r\n")
        assert (interim, raw.recv(1000)[:12]) == (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 400")


def test_wrong_key_is_refused_before_the_body_is_asked_for(sandbox):
    head = b"POST /v1/files HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), 10) as raw:
        raw.sendall(head)
        assert raw.recv(1000)[:12] == b"HTTP/1.1 401"


def test_answer_proves_that_the_file_arrived(client):
    file = client.files.create(file=("paper.pdf", PDF), purpose="user_data")
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=ask(file.id))
    assert answer.choices[0].message.content == proof("paper.pdf", PDF)


def test_stream_says_the_same(client):
    file = client.files.create(file=("paper.pdf", PDF), purpose="user_data")
    stream = client.chat.completions.create(
        model="gpt-4o-mini", messages=ask(file.id, "ünï 🙂"), stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert (said, chunks[-1].usage.completion_tokens) == (proof("paper.pdf", PDF, "ünï 🙂"), len(chunks) - 3)


def test_stream_is_split_inside_of_events(sandbox, client):
    list(client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "x"}], stream=True))
    assert [size for _, size in sandbox.requests[-1].sent][:4] == [7, 131, 3, 61]


def test_token_limit_and_stop(client):
    messages = [{"role": "user", "content": "one two END three"}]
    short = client.chat.completions.create(model="gpt-4o-mini", messages=messages, max_tokens=3).choices[0]
    stopped = client.chat.completions.create(model="gpt-4o-mini", messages=messages, stop="END").choices[0]
    assert [(one.message.content, one.finish_reason) for one in (short, stopped)] == [
        ("You said: one", "length"),
        ("You said: one two ", "stop"),
    ]


def test_required_tool_is_called_then_answered(client):
    messages = [{"role": "user", "content": "Warm?"}]
    first = client.chat.completions.create(
        model="gpt-4o-mini", messages=messages, tools=[TOOL], tool_choice="required"
    ).choices[0]
    call = first.message.tool_calls[0]
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    second = client.chat.completions.create(
        model="gpt-4o-mini", messages=[*messages, first.message, result], tools=[TOOL]
    )
    assert (first.finish_reason, json.loads(call.function.arguments), second.choices[0].message.content) == (
        "tool_calls",
        {"days": 0},
        "The tool answered: sunny\nYou said: Warm?",
    )


def test_streamed_tool_call(client):
    stream = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "use get_weather"}],
        tools=[TOOL],
        stream=True,
    )
    calls = [call for chunk in stream for call in chunk.choices[0].delta.tool_calls or ()]
    assert (calls[0].function.name, json.loads("".join(call.function.arguments for call in calls))) == (
        "get_weather",
        {"days": 0},
    )


def test_several_choices_with_logprobs(client):
    answer = client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "x"}], n=2, logprobs=True, top_logprobs=1
    )
    assert [[entry.token for entry in one.logprobs.content] for one in answer.choices] == [["You", " said:", " x"]] * 2


REFUSED = [
    ({"model": "gpt-9"}, 404, "does not exist or you do not have access"),
    ({"shoe_size": 43}, 400, "Unrecognized request argument supplied: shoe_size"),
    ({"messages": []}, 400, "Missing required parameter: 'messages'"),
    ({"temperature": 3}, 400, "decimal above maximum value"),
    ({"n": 0}, 400, "integer below minimum value"),
    ({"stream_options": {"include_usage": True}}, 400, "only allowed when 'stream' is enabled"),
    ({"tool_choice": "required"}, 400, "only allowed when 'tools' are specified"),
    ({"messages": [{"role": "king", "content": "x"}]}, 400, "Invalid value: 'king'"),
    ({"messages": [{"role": "tool", "tool_call_id": "a", "content": "x"}]}, 400, "must be a response to"),
    ({"messages": ask("file-unknown")}, 400, "does not exist"),
    ({"messages": [{"role": "user", "content": [{"type": "video"}]}]}, 400, "Invalid value: 'video'"),
    ({"response_format": {"type": "json_schema", "json_schema": {}}}, 400, "json_schema.name"),
]


@pytest.mark.parametrize(("change", "status", "message"), REFUSED)
def test_chat_refuses(client, change, status, message):
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}], **change}
    with pytest.raises(openai.APIStatusError, match=message) as caught:
        client.post("/chat/completions", body=body, cast_to=object)
    assert caught.value.status_code == status


@pytest.mark.parametrize("url", ["gs://bucket/x.png", "file-abc", "ftp://x/y.png"])
def test_image_urls_that_are_refused(client, url):
    part = {"type": "image_url", "image_url": {"url": url}}
    with pytest.raises(openai.BadRequestError, match="Expected a valid URL"):
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": [part]}])


@pytest.mark.parametrize(("name", "data"), [("a.txt", b"text"), ("a.pdf", b"not a pdf")])
def test_only_pdf_can_be_chatted_about(client, name, data):
    file = client.files.create(file=(name, data), purpose="user_data")
    with pytest.raises(openai.BadRequestError, match="Invalid file data"):
        client.chat.completions.create(model="gpt-4o-mini", messages=ask(file.id))


def test_model_list(client):
    assert client.models.retrieve("gpt-4o-mini") in list(client.models.list())
