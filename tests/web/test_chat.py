"""Chat with managed files: what each provider receives, in its own shape, and what one request costs."""

import json
from typing import Any

import pytest

from managed_files.sandbox.faults import Fault
from tests.gateway import AZURE, CONTENT, GEMINI, GPT, GPT_BIG, TEXT, Bench, file_part
from tests.gateway_fixtures import Sql

ANSWER = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": []}


def received(bench: Bench, path: str = "completions") -> Any:
    """The body of the last chat request at any stand-in."""
    requests = [one for server in bench.stand_ins.all for one in server.requests if one.path.endswith(path)]
    return requests[-1].json()


def test_costs_one_statement_and_one_upstream_call(bench: Bench, facts: list[dict[str, Any]]) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}")
    bench.chat(GEMINI, file_part(file_id))  # the first call fetches Google's token
    facts.clear()
    for model in (GPT, GEMINI):
        bench.chat(model, file_part(file_id), file_part(file_id))
    assert [(line["status"], line["model"], line["statements"], line["upstream_calls"]) for line in facts] == [
        (200, GPT, 1, 1),
        (200, GEMINI, 1, 1),
    ]


def test_a_key_of_the_table_costs_no_statement_more(bench: Bench, facts: list[dict[str, Any]]) -> None:
    key = bench.key("somebody")
    file_id = bench.stored(GPT, key)
    bench.chat(GPT, file_part(file_id), key=key)
    assert (facts[-1]["status"], facts[-1]["statements"], facts[-1]["upstream_calls"]) == (200, 1, 1)


@pytest.mark.parametrize("model", [GPT, AZURE])
def test_openai_and_azure_receive_their_own_id(model: str, bench: Bench) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}, {AZURE}")
    answer = bench.chat(model, file_part(file_id))
    holder = bench.stand_ins.openai if model == GPT else bench.stand_ins.azure
    assert (answer.status_code, received(bench)["messages"]) == (
        200,
        [{"role": "user", "content": [TEXT, file_part(next(iter(holder.files)))]}],
    )


def test_gemini_receives_its_address_and_the_mime_type(bench: Bench) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}")
    answer = bench.chat(GEMINI, file_part(file_id))
    uri = next(iter(bench.stand_ins.google.objects))
    assert (answer.status_code, received(bench, "generateContent")["contents"][0]["parts"]) == (
        200,
        [{"text": TEXT["text"]}, {"fileData": {"fileUri": uri, "mimeType": "application/pdf"}}],
    )


@pytest.mark.parametrize("model", [GPT, GEMINI])
def test_the_answer_speaks_of_the_files_bytes(model: str, bench: Bench) -> None:
    answer = bench.chat(model, file_part(bench.stored(f"{GPT}, {GEMINI}")))
    content = (answer.json or {})["choices"][0]["message"]["content"]
    assert f"{len(CONTENT)}" in content.replace(",", "")


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant", "tool"])
@pytest.mark.parametrize(
    "carrier",
    [
        lambda file_id: {"type": "file", "file": {"file_id": file_id}},
        lambda file_id: {"type": "image_url", "image_url": {"url": file_id}},
        lambda file_id: {"type": "image_url", "image_url": file_id},
        lambda file_id: {"type": "input_audio", "input_audio": {"data": file_id, "format": "wav"}},
    ],
    ids=["file", "image object", "image text", "audio"],
)
def test_every_carrier_is_resolved_in_every_role(carrier: Any, role: str, bench: Bench) -> None:
    bench.stand_ins.openai.inject(Fault(path="/v1/chat", status=200, body=ANSWER))  # its own judgement is not asked
    messages = [{"role": "user", "content": "hi"}, {"role": role, "content": [TEXT, carrier(bench.stored(GPT))]}]
    bench.call("POST", "/v1/chat/completions", json={"model": GPT, "messages": messages})
    remote_id = next(iter(bench.stand_ins.openai.files))
    assert received(bench)["messages"][1]["content"] == [TEXT, file_part(remote_id)]


def test_several_files_in_several_messages(bench: Bench) -> None:
    one, two = bench.stored(GPT), bench.stored(GPT)
    contents = [[TEXT, file_part(one), file_part(two)], [TEXT, file_part(two)]]
    bench.call(
        "POST", "/chat/completions", json={"model": GPT, "messages": [{"role": "user", "content": c} for c in contents]}
    )
    first, second = bench.stand_ins.openai.files
    assert [message["content"][1:] for message in received(bench)["messages"]] == [
        [file_part(first), file_part(second)],
        [file_part(second)],
    ]


def test_two_models_of_one_account_share_one_upload(bench: Bench) -> None:
    file_id = bench.stored(f"{GPT}, {GPT_BIG}")
    answers = [bench.chat(model, file_part(file_id)).status_code for model in (GPT, GPT_BIG)]
    assert (answers, bench.stand_ins.calls("/v1/files")) == ([200, 200], 1)


def test_a_model_of_the_account_that_was_not_named_can_use_the_file(bench: Bench) -> None:
    assert bench.chat(GPT_BIG, file_part(bench.stored(GPT))).status_code == 200


def test_unknown_fields_pass_through_to_openai_as_they_are(bench: Bench) -> None:
    bench.stand_ins.openai.inject(Fault(path="/v1/chat", status=200, body=ANSWER))
    extra: dict[str, Any] = {"vendor_option": {"deep": [1, None, "ü"]}, "temperature": 0.1, "user": "u"}
    part = {"type": "file", "file": {"file_id": bench.stored(GPT), "vendor": 1}, "cache_control": {"type": "ephemeral"}}
    bench.chat(GPT, part, **extra)
    remote = {"file_id": next(iter(bench.stand_ins.openai.files)), "vendor": 1}
    assert received(bench) == {
        "model": "gpt-4o-mini",
        "messages": [
            {
                "role": "user",
                "content": [TEXT, {"type": "file", "file": remote, "cache_control": {"type": "ephemeral"}}],
            }
        ],
        **extra,
    }


@pytest.mark.parametrize("field", ["logit_bias", "vendor_option"])
def test_what_gemini_cannot_be_told_is_refused_by_name(field: str, bench: Bench) -> None:
    fields: dict[str, Any] = {field: {"50256": -100}}
    answer = bench.chat(GEMINI, **fields)
    error = (answer.json or {})["error"]
    assert (answer.status_code, error["param"], bench.stand_ins.calls("generateContent")) == (400, field, 0)


@pytest.mark.parametrize("model", [GPT, GEMINI])
def test_a_stream_is_relayed_to_its_end(model: str, bench: Bench) -> None:
    answer = bench.chat(model, file_part(bench.stored(f"{GPT}, {GEMINI}")), stream=True)
    events = answer.text.strip().split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
    assert (answer.content_type, {chunk["object"] for chunk in chunks}, events[-1]) == (
        "text/event-stream; charset=utf-8",
        {"chat.completion.chunk"},
        "data: [DONE]",
    )


@pytest.mark.parametrize(("model", "path"), [(GPT, "/v1/chat"), (GEMINI, "/v1/projects")])
def test_a_stream_that_breaks_ends_with_an_error_event(model: str, path: str, bench: Bench) -> None:
    server = bench.stand_ins.openai if model == GPT else bench.stand_ins.google
    server.inject(Fault(path=path, cut="mid_stream", pieces=20, piece_delay=0.01))  # a reset drops what is not read yet
    answer = bench.chat(model, {"type": "text", "text": "Tell me a long story. " * 20}, stream=True)
    last = [event for event in answer.text.split("\n\n") if event.startswith("data: ")][-1]
    assert "error" in json.loads(last.removeprefix("data: "))


def test_an_answer_that_breaks_is_a_bad_gateway_that_names_the_model(bench: Bench) -> None:
    bench.stand_ins.openai.inject(Fault(path="/v1/chat", cut="after_commit"))
    answer = bench.chat(GPT)
    assert (answer.status_code, (answer.json or {})["error"]["message"].startswith(f"The model {GPT} failed: ")) == (
        502,
        True,
    )


@pytest.mark.parametrize("body", [b"", b"<html>Welcome</html>", b'"OK"', b'{"error": {"code": 502}}'])
def test_an_answer_that_is_none_is_a_bad_gateway(body: bytes, bench: Bench) -> None:
    bench.stand_ins.openai.inject(Fault(path="/v1/chat", status=200, body=body))
    assert bench.chat(GPT).status_code == 502


@pytest.mark.parametrize(
    ("theirs", "ours", "code"),
    [
        (400, 400, None),
        (401, 502, "provider_credentials_refused"),
        (403, 502, "provider_credentials_refused"),
        (404, 404, None),
        (429, 429, None),
        (500, 502, None),
        (503, 502, None),
        (504, 504, None),
    ],
)
def test_a_providers_status_is_told_by_its_class(theirs: int, ours: int, code: str | None, bench: Bench) -> None:
    fault = Fault(path="/v1/chat", status=theirs, headers={"Retry-After": "7"}, body={"error": {"message": "no"}})
    bench.stand_ins.openai.inject(fault)
    answer = bench.chat(GPT)
    error = (answer.json or {})["error"]
    assert (answer.status_code, error["message"], error["code"], answer.headers.get("Retry-After")) == (
        ours,
        f"The model {GPT} failed: openai answered {theirs}: no",
        code,
        "7",
    )


@pytest.mark.parametrize(
    ("state", "status", "said"),
    [
        ("processing", 409, "still being processed"),
        ("failed", 400, f"Models that have one: {GEMINI}."),
        ("deleting", 400, f"Models that have one: {GEMINI}."),
    ],
)
def test_a_copy_that_cannot_be_used_now(state: str, status: int, said: str, bench: Bench, sql: Sql) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}")
    sql("UPDATE copies SET state = %s WHERE provider = 'openai'", state)
    answer = bench.chat(GPT, file_part(file_id))
    assert (answer.status_code, said in answer.text, bench.stand_ins.calls("completions")) == (status, True, 0)


def test_an_expired_copy_is_as_none_but_others_go_on(bench: Bench, sql: Sql) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}")
    sql("UPDATE copies SET expires_at = now() - interval '1 second' WHERE provider = 'openai'")
    answers = [bench.chat(model, file_part(file_id)).status_code for model in (GPT, GEMINI)]
    told = (bench.call("GET", f"/files/{file_id}").json or {})["copies"]
    assert (answers, [copy["state"] for copy in told]) == ([400, 200], ["failed", "ready"])


def test_a_model_without_a_copy_is_told_which_models_have_one(bench: Bench) -> None:
    key = bench.key("somebody", models=[GPT, GEMINI, AZURE])
    answer = bench.chat(AZURE, file_part(bench.stored(f"{GPT}, {GEMINI}", key)), key=key)
    error = (answer.json or {})["error"]
    assert (answer.status_code, error["param"], f"Models that have one: {GPT}, {GEMINI}." in error["message"]) == (
        400,
        "model",
        True,
    )


def test_the_key_of_a_large_body_is_checked_before_it_is_read(bench: Bench) -> None:
    nonsense = b"{" * (2 << 20)
    answer = bench.call("POST", "/chat/completions", "sk-unknown", data=nonsense, content_type="application/json")
    assert answer.status_code == 401
