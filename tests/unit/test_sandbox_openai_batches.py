"""OpenAI's batches in the stand-in, driven by the official client."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import openai
import pytest
import requests

from managed_files.sandbox import OpenAISandbox
from managed_files.sandbox.openai_batch_job import Rules
from tests.sdk import openai_at

CHAT = "/v1/chat/completions"
KEYS = {"sk-one": "project-1", "sk-two": "project-2"}


@pytest.fixture
def sandbox() -> Iterator[OpenAISandbox]:
    with OpenAISandbox(api_keys=KEYS) as server:
        yield server


@pytest.fixture
def client(sandbox: OpenAISandbox) -> Iterator[openai.OpenAI]:
    with openai_at(f"{sandbox.url}/v1", "sk-one") as made:
        yield made


def line(key: str = "a", **changes: Any) -> dict[str, Any]:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": f"hello {key}"}]}
    return {"custom_id": key, "method": "POST", "url": CHAT, "body": body, **changes}


def made(client: openai.OpenAI, *lines: Any, endpoint: str = CHAT, **options: Any) -> openai.types.Batch:
    text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    file = client.files.create(file=("lines.jsonl", text.encode()), purpose="batch")
    return client.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h", **options)


def ended(sandbox: OpenAISandbox, client: openai.OpenAI, *lines: Any, **options: Any) -> openai.types.Batch:
    batch = made(client, *lines, **options)
    sandbox.settle_batches()
    return client.batches.retrieve(batch.id)


def read(client: openai.OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    return [json.loads(text) for text in client.files.content(file_id or "").text.splitlines()]


class Tight(OpenAISandbox):
    """Takes inputs of at most this many bytes, and of one line."""

    def batch_rules(self) -> Rules:
        return replace(super().batch_rules(), max_bytes=400, max_lines=1)


@pytest.mark.parametrize(
    ("lines", "code"), [([line("a" * 400)], "file_too_large"), ([line("a"), line("b")], "too_many_tasks")]
)
def test_an_input_has_limits(lines, code):
    with Tight(api_keys=KEYS) as sandbox, openai.OpenAI(base_url=f"{sandbox.url}/v1", api_key="sk-one") as client:
        batch = ended(sandbox, client, *lines)
    assert (batch.status, [one.code for one in batch.errors.data]) == ("failed", [code])


def test_a_batch_goes_through_its_states(sandbox, client):
    sandbox.hold_batches()
    batch = made(client, line(), metadata={"a": "b"})
    sandbox.settle_batches()
    running = client.batches.retrieve(batch.id)
    sandbox.release_batches()
    sandbox.settle_batches()
    done = client.batches.retrieve(batch.id)

    stamps = [done.in_progress_at, done.finalizing_at, done.completed_at]
    assert (batch.status, running.status, done.status) == ("validating", "in_progress", "completed")
    assert (done.metadata, done.errors, stamps == sorted(stamps), done.failed_at) == ({"a": "b"}, None, True, None)
    assert done.expires_at == done.created_at + 86_400


def test_answers_and_refusals_come_in_two_files(sandbox, client):
    bad = line("bad")
    bad["body"]["temperature"] = 9
    batch = ended(sandbox, client, line("a"), bad, line("b"))

    answers = {one["custom_id"]: one for one in read(client, batch.output_file_id)}
    (refusal,) = read(client, batch.error_file_id)
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (3, 2, 1)
    assert (answers.keys(), answers["a"].keys()) == ({"a", "b"}, {"id", "custom_id", "response", "error"})
    assert (answers["a"]["response"]["status_code"], answers["a"]["error"]) == (200, None)
    assert (refusal["custom_id"], refusal["response"]["status_code"]) == ("bad", 400)
    assert refusal["response"]["body"]["error"]["param"] == "temperature"


def test_results_are_files_of_their_own_purpose_that_expire(sandbox, client):
    batch = ended(sandbox, client, line(), output_expires_after={"anchor": "created_at", "seconds": 3600})

    file = client.files.retrieve(batch.output_file_id)
    assert (file.purpose, file.expires_at) == ("batch_output", file.created_at + 3600)


def test_the_order_of_the_results_is_not_that_of_the_input(sandbox, client):
    batch = ended(sandbox, client, line("1"), line("2"), line("3"))

    assert [one["custom_id"] for one in read(client, batch.output_file_id)] == ["2", "1", "3"]


@pytest.mark.parametrize(
    ("lines", "code", "number"),
    [
        ([], "empty_file", None),
        ([line(), "{"], "invalid_json_line", 2),
        ([line(), "[]"], "invalid_json_line", 2),
        ([line(), line()], "duplicate_custom_id", 2),
        ([line(), line("b", url="/v1/embeddings")], "url_mismatch", 2),
        ([line(method="GET")], "invalid_method", 1),
        ([line(custom_id=7)], "missing_required_parameter", 1),
        ([line(body={})], "missing_required_parameter", 1),
        ([line(), line("b", body={"model": "gpt-4o"})], "model_mismatch", 2),
        ([line(body={"model": "gpt-99"})], "model_not_found", 1),
    ],
)
def test_an_input_that_does_not_pass_fails_the_batch(sandbox, client, lines, code, number):
    batch = ended(sandbox, client, *lines)

    (found,) = batch.errors.data
    assert (batch.status, found.code, found.line, batch.output_file_id) == ("failed", code, number, None)


def test_an_input_of_another_purpose_fails_the_batch(sandbox, client):
    file = client.files.create(file=("lines.jsonl", b"{}"), purpose="user_data")
    batch = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    sandbox.settle_batches()

    assert client.batches.retrieve(batch.id).errors.data[0].code == "invalid_file_purpose"


def test_another_projects_input_does_not_exist(sandbox, client):
    other = client.with_options(api_key="sk-two")
    file = other.files.create(file=("lines.jsonl", b"{}"), purpose="batch")
    batch = client.batches.create(input_file_id=file.id, endpoint=CHAT, completion_window="24h")
    sandbox.settle_batches()

    assert client.batches.retrieve(batch.id).errors.data[0].code == "file_not_found"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"endpoint": "/v1/audio"}, "endpoint"),
        ({"endpoint": None}, "endpoint"),
        ({"completion_window": "48h"}, "completion_window"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"output_expires_after": {"anchor": "now", "seconds": 3600}}, "output_expires_after"),
        ({"priority": "high"}, "priority"),
    ],
    ids=str,
)
def test_an_order_that_makes_no_sense_is_refused(sandbox, client, change, param):
    order = {"input_file_id": "file-1", "endpoint": CHAT, "completion_window": "24h", **change}

    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/batches", body=order, cast_to=object)

    assert caught.value.param == param


def test_the_list_has_pages_newest_first(sandbox, client):
    ids = [made(client, line()).id for _ in range(5)]

    page = client.batches.list(limit=2)

    assert ([batch.id for batch in page.data], page.has_more) == (ids[:2:-1], True)
    assert [batch.id for batch in client.batches.list(limit=2)] == ids[::-1]


@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_has_its_limit(client, limit):
    with pytest.raises(openai.BadRequestError):
        client.batches.list(limit=limit)


def test_another_projects_batches_are_not_to_be_seen(sandbox, client):
    batch = made(client, line())

    other = client.with_options(api_key="sk-two")
    assert other.batches.list().data == []
    for call in (other.batches.retrieve, other.batches.cancel):
        with pytest.raises(openai.NotFoundError):
            call(batch.id)


def test_a_batch_that_has_ended_cannot_be_cancelled(sandbox, client):
    batch = ended(sandbox, client, line())

    with pytest.raises(openai.ConflictError, match="completed"):
        client.batches.cancel(batch.id)


def test_a_cancelled_batch_first_says_so(sandbox, client):
    sandbox.hold_batches()
    batch = made(client, line("a"))
    sandbox.settle_batches()

    first = client.batches.cancel(batch.id)
    sandbox.settle_batches()

    last = client.batches.retrieve(batch.id)
    (unasked,) = read(client, last.error_file_id)
    assert (first.status, last.status) == ("cancelling", "cancelled")
    assert (unasked["custom_id"], unasked["response"], unasked["error"]["code"]) == ("a", None, "batch_cancelled")


def test_a_batch_of_embeddings_answers_as_the_endpoint_does(sandbox, client):
    body = {"model": "text-embedding-3-small", "input": ["one", "two"], "dimensions": 8, "encoding_format": "float"}
    batch = ended(sandbox, client, line(url="/v1/embeddings", body=body), endpoint="/v1/embeddings")

    (answer,) = read(client, batch.output_file_id)
    assert answer["response"]["body"] == client.embeddings.create(**body).to_dict()


def test_embeddings_know_their_models(client):
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="gpt-4o", input="hello")


def test_jobs_are_steered_from_another_process(sandbox, client):
    def steer(**act: str) -> None:
        requests.post(f"{sandbox.url}/__sandbox__/batches", json=act, timeout=10).raise_for_status()

    steer(act="hold")
    batch = made(client, line())
    steer(act="settle")
    steer(act="fail", message="no luck")
    steer(act="settle")

    assert client.batches.retrieve(batch.id).errors.data[0].message == "no luck"


def test_a_reset_forgets_the_batches(sandbox, client):
    batch = made(client, line())

    sandbox.reset()

    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve(batch.id)
