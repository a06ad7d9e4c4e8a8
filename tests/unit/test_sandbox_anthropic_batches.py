"""Message batches at Anthropic's stand-in, driven by Anthropic's own client where it can say it, otherwise by HTTP."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from anthropic import Anthropic, APIStatusError, NotFoundError
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.sandbox import AnthropicSandbox
from managed_files.sandbox.anthropic_batch_body import NotTheShape, requests_in
from tests.sdk import anthropic_at

Json = dict[str, Any]
KEYS = {"key-one": "workspace-1", "key-two": "workspace-2"}
HEADERS = {"x-api-key": "key-one", "anthropic-version": "2023-06-01"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture
def sandbox() -> Iterator[AnthropicSandbox]:
    with AnthropicSandbox(api_keys=KEYS) as server:
        yield server


@pytest.fixture
def client(sandbox: AnthropicSandbox) -> Iterator[Anthropic]:
    with anthropic_at(sandbox.url, "key-one") as made:
        yield made


def asking(custom_id: str, text: str = "hello", **fields: Any) -> Any:
    params = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": text}],
        **fields,
    }
    return {"custom_id": custom_id, "params": params}


def refusal(sandbox: AnthropicSandbox, body: Any) -> tuple[int, str]:
    """Status and message of a refused create call."""
    answer = requests.post(f"{sandbox.url}/v1/messages/batches", json=body, headers=HEADERS, timeout=10)
    return answer.status_code, answer.json()["error"]["message"]


def test_a_batch_from_its_creation_to_its_results(sandbox: AnthropicSandbox, client: Anthropic) -> None:
    made = client.messages.batches.create(requests=[asking("a"), asking("b", model="claude-imaginary")])
    sandbox.settle_batches()

    ended = client.messages.batches.retrieve(made.id)
    results = {line.custom_id: line.result.type for line in client.messages.batches.results(made.id)}
    assert (made.processing_status, made.request_counts.processing) == ("in_progress", 2)
    assert (ended.processing_status, ended.request_counts.to_dict(), results) == (
        "ended",
        {"processing": 0, "succeeded": 1, "errored": 1, "canceled": 0, "expired": 0},
        {"a": "succeeded", "b": "errored"},
    )


def test_a_cancelled_batch(sandbox: AnthropicSandbox, client: Anthropic) -> None:
    sandbox.hold_batches()
    made = client.messages.batches.create(requests=[asking("a")])
    cancelled = client.messages.batches.cancel(made.id)
    sandbox.settle_batches()

    results = [line.result.type for line in client.messages.batches.results(made.id)]
    assert (cancelled.processing_status, cancelled.cancel_initiated_at is not None, results) == (
        "canceling",
        True,
        ["canceled"],
    )


def test_a_batch_that_runs_is_not_deleted_and_has_no_results(sandbox: AnthropicSandbox, client: Anthropic) -> None:
    sandbox.hold_batches()
    made = client.messages.batches.create(requests=[asking("a")])

    with pytest.raises(APIStatusError) as undeletable:
        client.messages.batches.delete(made.id)
    answer = requests.get(f"{sandbox.url}/v1/messages/batches/{made.id}/results", headers=HEADERS, timeout=10)
    assert (undeletable.value.status_code, answer.status_code) == (400, 404)


def test_a_batch_that_ended_is_deleted_and_no_more_cancelled(sandbox: AnthropicSandbox, client: Anthropic) -> None:
    made = client.messages.batches.create(requests=[asking("a")])
    sandbox.settle_batches()

    with pytest.raises(APIStatusError, match="already ended"):
        client.messages.batches.cancel(made.id)
    gone = client.messages.batches.delete(made.id)

    assert (gone.type, list(client.messages.batches.list())) == ("message_batch_deleted", [])


def test_a_list_has_pages_newest_first(sandbox: AnthropicSandbox, client: Anthropic) -> None:
    ids = [client.messages.batches.create(requests=[asking("a")]).id for _ in range(5)]
    later = client.messages.batches.list(limit=2, before_id=ids[0])

    assert [one.id for one in client.messages.batches.list(limit=2)] == ids[::-1]
    assert ([one.id for one in later.data], later.has_more) == ([ids[2], ids[1]], True)


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after_id=msgbatch_1", "before_id=msgbatch_1"])
def test_a_page_that_there_is_not(sandbox: AnthropicSandbox, query: str) -> None:
    answer = requests.get(f"{sandbox.url}/v1/messages/batches?{query}", headers=HEADERS, timeout=10)

    assert answer.status_code == 400


def test_another_workspace_sees_nothing(sandbox: AnthropicSandbox, client: Anthropic) -> None:
    made = client.messages.batches.create(requests=[asking("a")])
    other = client.with_options(api_key="key-two")

    with pytest.raises(NotFoundError):
        other.messages.batches.retrieve(made.id)
    assert list(other.messages.batches.list()) == []


@pytest.mark.parametrize(
    ("requests_", "words"),
    [
        ([], "at least 1 item"),
        ([asking("a"), asking("a")], "requests.1.custom_id: Duplicate"),
        ([asking("")], "requests.0.custom_id: String should match"),
        ([asking("ä")], "requests.0.custom_id: String should match"),
        ([asking("a" * 65)], "requests.0.custom_id: String should match"),
        ([asking(7)], "requests.0.custom_id: String should match"),  # type: ignore[arg-type]  # that is the point
        ([{"custom_id": "a"}], "requests.0.params: Field required"),
        ([{"params": {}}], "requests.0.custom_id: Field required"),
        ([{"custom_id": "a", "params": []}], "requests.0.params: Input should be a valid dictionary"),
        ([{**asking("a"), "method": "POST"}], "requests.0.method: Extra inputs"),
        (["a"], "requests.0: Input should be a valid dictionary"),
    ],
    ids=str,
)
def test_what_is_no_list_of_requests(sandbox: AnthropicSandbox, requests_: list[Any], words: str) -> None:
    status, message = refusal(sandbox, {"requests": requests_})

    assert (status, words in message) == (400, True)


@pytest.mark.parametrize("body", [{}, [], {"requests": {}}, {"requests": [], "more": 1}, "text"], ids=str)
def test_what_is_no_body(sandbox: AnthropicSandbox, body: Any) -> None:
    assert refusal(sandbox, body)[0] == 400


def test_streams_and_files_without_their_beta_are_errors_of_their_line(
    sandbox: AnthropicSandbox, client: Anthropic
) -> None:
    file = [{"type": "document", "source": {"type": "file", "file_id": "file_011"}}, {"type": "text", "text": "a"}]
    lines = [asking("stream", stream=True), asking("file", messages=[{"role": "user", "content": file}])]
    made = client.messages.batches.create(requests=lines)
    sandbox.settle_batches()

    assert {line.result.type for line in client.messages.batches.results(made.id)} == {"errored"}


# the body as a stream


@settings(deadline=None, max_examples=200)
@given(
    values=st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), max_size=4),
    size=st.integers(1, 40),
    indent=st.sampled_from([None, 0, 3]),
    ascii_only=st.booleans(),
)
def test_any_cut_of_a_body_reads_the_same(values: list[Any], size: int, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps({"requests": values}, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    pieces = iter([text[at : at + size] for at in range(0, len(text), size)])

    assert list(requests_in(pieces)) == values


@pytest.mark.parametrize(
    "text", ["", "{", '{"requests": [{}', '{"requests": [{}]', '{"requests": [{}]}x', '{"requests": [{},]}', "[]"]
)
def test_what_is_not_the_shape(text: str) -> None:
    with pytest.raises((NotTheShape, ValueError)):
        list(requests_in(iter([text.encode()])))
