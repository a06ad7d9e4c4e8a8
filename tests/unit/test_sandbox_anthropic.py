"""Anthropic's stand-in, driven by Anthropic's own client where it can say it, otherwise by plain HTTP."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from anthropic import Anthropic, APIStatusError, BadRequestError, NotFoundError
from anthropic.types import Message

from managed_files.sandbox import AnthropicSandbox, Fault
from tests.sdk import anthropic_at

Json = dict[str, Any]
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 40
KEYS = {"key-one": "workspace-1", "key-two": "workspace-2"}
OLD = {"x-api-key": "key-one", "anthropic-version": "2023-06-01"}
BETA = {**OLD, "anthropic-beta": "something-else, files-api-2025-04-14"}
NEWER, BUDGETED, OLDER = "claude-opus-5-5", "claude-opus-4-5", "claude-sonnet-4-5"
THINKING = {"type": "enabled", "budget_tokens": 1024}
WEATHER = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]},
}
EXECUTION = {"type": "code_execution_20250825", "name": "code_execution"}


@pytest.fixture(scope="module")
def server() -> Iterator[AnthropicSandbox]:
    with AnthropicSandbox(api_keys=KEYS, max_file_bytes=20_000) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(server: AnthropicSandbox) -> AnthropicSandbox:
    server.reset()
    return server


@pytest.fixture
def client(sandbox: AnthropicSandbox) -> Iterator[Anthropic]:
    with anthropic_at(sandbox.url, "key-one") as made:
        yield made


def upload(client: Anthropic, name: str = "paper.pdf", mime_type: str = "application/pdf", **more: Any) -> str:
    return client.files.upload(file=(name, PDF, mime_type), **more).id


def user(*blocks: Json | str) -> Json:
    return {"role": "user", "content": [{"type": "text", "text": b} if isinstance(b, str) else b for b in blocks]}


def stored(kind: str, file_id: str, **more: Any) -> Json:
    return {"type": kind, "source": {"type": "file", "file_id": file_id}, **more}


def ask(client: Anthropic, *messages: Json, model: str = BUDGETED, **more: Any) -> Message:
    return client.messages.create(model=model, **{"max_tokens": 4000, "messages": messages, **more})


def post(sandbox: AnthropicSandbox, headers: Json = OLD, **body: Any) -> requests.Response:
    given = {"model": BUDGETED, "max_tokens": 100, "messages": [user("Hi")], **body}
    given = {name: value for name, value in given.items() if value is not None}
    return requests.post(f"{sandbox.url}/v1/messages", json=given, headers=headers, timeout=10)


# Files


def test_files_come_and_go(sandbox: AnthropicSandbox, client: Anthropic) -> None:
    file_id = upload(client, "folder/paper.pdf")
    told = client.files.retrieve_metadata(file_id)
    gone = client.files.delete(file_id).type

    assert (told.filename, told.mime_type, told.size_bytes, told.downloadable, told.expires_at, gone) == (
        "paper.pdf",
        "application/pdf",
        len(PDF),
        False,
        None,
        "file_deleted",
    )


def test_the_newer_list_has_cursors(client: Anthropic) -> None:
    ids = [upload(client) for _ in range(5)]
    assert [file.id for file in client.files.list(limit=2)] == ids[::-1]


def test_the_older_list_has_ids(sandbox: AnthropicSandbox, client: Anthropic) -> None:
    ids = [upload(client) for _ in range(3)]
    get = f"{sandbox.url}/v1/files?limit=2"
    first = requests.get(get, headers=BETA, timeout=10).json()
    rest = requests.get(f"{get}&after_id={first['last_id']}", headers=BETA, timeout=10).json()

    seen = [(page["has_more"], [file["id"] for file in page["data"]]) for page in (first, rest)]
    assert seen == [(True, [ids[2], ids[1]]), (False, [ids[0]])]


def test_an_upload_is_never_given_back(client: Anthropic) -> None:
    file_id = upload(client)
    with pytest.raises(BadRequestError) as caught:
        client.files.download(file_id)
    assert caught.value.body["error"]["details"]["error_code"] == "file_not_downloadable"


def test_a_file_can_be_given_an_end(client: Anthropic) -> None:
    told = client.files.retrieve_metadata(upload(client, expires_in_seconds=3600))
    assert told.expires_at is not None
    assert (told.expires_at - told.created_at).total_seconds() == 3600


def test_files_of_another_workspace_are_not_there(sandbox: AnthropicSandbox, client: Anthropic) -> None:
    file_id = upload(client)
    with (
        anthropic_at(sandbox.url, "key-two") as other,
        pytest.raises(NotFoundError) as caught,
    ):
        other.files.delete(file_id)
    assert (caught.value.status_code, list(sandbox.files)) == (404, [file_id])


@pytest.mark.parametrize(
    ("name", "data", "fields", "headers", "status"),
    [
        ("a:b.pdf", b"x", {}, BETA, 400),
        ("a" * 256, b"x", {}, BETA, 400),
        ("a.pdf", b"x" * 20_001, {}, BETA, 413),
        ("a.pdf", b"x", {"purpose": "user_data"}, BETA, 400),
        ("a.pdf", b"x", {"expires_in_seconds": "3600"}, BETA, 400),
        ("a.pdf", b"x", {"expires_in_seconds": "60"}, {**OLD, "anthropic-version": "2026-10-21"}, 400),
        ("a.pdf", b"x", {}, OLD, 404),
        ("a.pdf", b"x", {}, BETA, 200),
    ],
)
def test_what_an_upload_has_to_be(
    sandbox: AnthropicSandbox, name: str, data: bytes, fields: Json, headers: Json, status: int
) -> None:
    form = {"files": {"file": (name, data)}, "data": fields}
    answer = requests.post(f"{sandbox.url}/v1/files", headers=headers, timeout=10, **form)
    assert (answer.status_code, len(sandbox.files)) == (status, status == 200)


# Keys and versions


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"x-api-key": "wrong", "anthropic-version": "2023-06-01"}, 401),
        ({"x-api-key": "key-one"}, 400),
        ({"x-api-key": "key-one", "anthropic-version": "2020-01-01"}, 400),
        (OLD, 200),
        ({"Authorization": "Bearer key-one", "anthropic-version": "2026-10-21"}, 200),
    ],
)
def test_who_may_ask(sandbox: AnthropicSandbox, headers: Json, status: int) -> None:
    answer = post(sandbox, headers)
    assert (answer.status_code, answer.headers["request-id"].startswith("req_")) == (status, True)


@pytest.mark.parametrize(("headers", "status"), [(OLD, 200), ({**OLD, "anthropic-version": "2026-10-21"}, 400)])
def test_the_newer_version_takes_no_temperature(sandbox: AnthropicSandbox, headers: Json, status: int) -> None:
    assert post(sandbox, headers, temperature=0.5).status_code == status


# Answers


def test_an_answer_proves_that_the_file_arrived(client: Anthropic) -> None:
    answer = ask(client, user(stored("document", upload(client)), "What is it?"))
    digest = hashlib.sha256(PDF).hexdigest()
    assert (answer.stop_reason, digest in answer.content[0].text, answer.content[0].text.splitlines()[-1]) == (
        "end_turn",
        True,
        "You said: What is it?",
    )


FEATURES: list[tuple[str, Json]] = [
    ("text", {}),
    ("citations", {"messages": [user({"type": "document", "source": {"type": "text", "media_type": "text/plain",
                                      "data": "words"}, "citations": {"enabled": True}}, "Quote it.")]}),
    ("a call", {"tools": [WEATHER], "messages": [user("get_weather, please")]}),
    ("thoughts", {"thinking": THINKING}),
    ("a limit", {"max_tokens": 2}),
    ("a stop", {"stop_sequences": ["said"]}),
    ("a refusal", {"messages": [user("REFUSE_ME")]}),
    ("a schema", {"output_config": {"format": {"type": "json_schema", "schema": {
        **WEATHER["input_schema"], "additionalProperties": False}}}}),
    ("a cache", {"system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]}),
]  # fmt: skip


@pytest.mark.parametrize("body", [body for _, body in FEATURES], ids=[name for name, _ in FEATURES])
def test_a_stream_says_the_same(client: Anthropic, body: Json) -> None:
    def without_ids(message: Message) -> Json:
        told = message.to_dict()
        return {**told, "id": "", "content": [{**block, "id": ""} for block in told["content"]]}

    given: Json = {"model": BUDGETED, "max_tokens": 4000, "messages": [user("Hi")], **body}
    whole = client.messages.create(**given)
    with client.messages.stream(**given) as stream:
        streamed = stream.get_final_message()

    assert without_ids(streamed) == without_ids(whole)


def test_a_call_and_its_result(client: Anthropic) -> None:
    first = ask(client, user("get_weather, please"), tools=[WEATHER], thinking=THINKING)
    called = first.content[-1]
    result = {"type": "tool_result", "tool_use_id": called.id, "content": "sunny"}
    said = {"role": "assistant", "content": [block.to_dict() for block in first.content]}
    second = ask(
        client,
        user("get_weather, please"),
        said,
        user(result),
        tools=[WEATHER],
        thinking=THINKING,
    )

    kinds = [block.type for block in first.content]
    assert (kinds, called.input, second.content[-1].text.splitlines()[0]) == (
        ["thinking", "tool_use"],
        {"days": 0},
        "The tool answered: sunny",
    )


def test_a_newer_claude_thinks_as_it_sees_fit(client: Anthropic) -> None:
    answer = ask(client, user("Hi"), model=NEWER, thinking={"type": "adaptive"}, output_config={"effort": "low"})
    assert ([block.type for block in answer.content], answer.usage.output_tokens_details.thinking_tokens) == (
        ["thinking", "text"],
        7,
    )


def test_a_container_takes_any_file(client: Anthropic) -> None:
    block = {"type": "container_upload", "file_id": upload(client, "a.zip", "application/zip")}
    assert "a.zip: application/zip" in ask(client, user(block, "What?"), tools=[EXECUTION]).content[0].text


def test_models(client: Anthropic) -> None:
    assert BUDGETED in [model["id"] for model in client.get("/v1/models", cast_to=dict[str, Any])["data"]]


def test_overloaded(sandbox: AnthropicSandbox, client: Anthropic) -> None:
    sandbox.inject(Fault(path="/v1/messages", status=529))
    with pytest.raises(APIStatusError) as caught:
        ask(client, user("Hi"))
    assert (caught.value.status_code, caught.value.body["error"]["type"]) == (529, "overloaded_error")
