"""What only the batches of OpenAI, Azure and Groq do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from managed_files.batch_records import CHAT, EMBEDDINGS, Job, JobOrder, JobState, LineResult
from managed_files.errors import InvalidRequest, ProviderFailed
from managed_files.records import Upload
from managed_files.sandbox.faults import Fault
from tests.contract.batch_benches import (
    PART_ID,
    AzureBatchBench,
    BatchBench,
    DatedAzureBatchBench,
    GroqBatchBench,
    OpenAIBatchBench,
)
from tests.contract.benches import FILE_ID


@pytest.fixture
def openai() -> Iterator[OpenAIBatchBench]:
    bench = OpenAIBatchBench()
    yield bench
    bench.close()


@pytest.fixture
def groq() -> Iterator[GroqBatchBench]:
    bench = GroqBatchBench()
    yield bench
    bench.close()


@pytest.fixture(params=[OpenAIBatchBench, AzureBatchBench, DatedAzureBatchBench, GroqBatchBench])
def bench(request: pytest.FixtureRequest) -> Iterator[BatchBench]:
    bench: BatchBench = request.param()
    yield bench
    bench.close()


def answering(bench: BatchBench, body: Any, path: str = "/v1/batches/", method: str = "GET") -> None:
    """The next request of this kind gets the body."""
    bench.sandbox.inject(Fault(method, path, status=200, body=body))


def paths_sent(bench: BatchBench) -> tuple[str, str]:
    """The endpoint as the line and as the job name it."""
    line = bench.api.line("0", CHAT, bench.body("hello"), bench.deployment())
    bench.api.create(bench.order([bench.body("hello")]))
    created = next(request for request in bench.sandbox.requests if request.path.endswith("/batches"))
    return line["url"], created.json()["endpoint"]


def test_the_path_of_chats_is_the_providers_own(bench: BatchBench) -> None:
    wanted = "/chat/completions" if bench.name == "azure" else CHAT
    assert paths_sent(bench) == (wanted, wanted)


def test_a_job_is_made_as_the_api_says(openai: OpenAIBatchBench) -> None:
    order = openai.order([openai.body("hello")])
    openai.api.create(order)

    created = next(request for request in openai.sandbox.requests if request.path == "/v1/batches")
    assert created.json() == {
        "input_file_id": order.input_id,
        "endpoint": CHAT,
        "completion_window": "24h",
        "metadata": {"managed_files_part": PART_ID},
    }


def test_a_line_names_the_deployments_model_on_every_endpoint(openai: OpenAIBatchBench) -> None:
    line = openai.api.line("7", EMBEDDINGS, {"model": "group", "input": "hello"}, openai.deployment())

    body = {"model": openai.model, "input": "hello"}
    assert line == {"custom_id": "7", "method": "POST", "url": EMBEDDINGS, "body": body}


def test_a_line_cannot_be_streamed(openai: OpenAIBatchBench) -> None:
    with pytest.raises(InvalidRequest) as caught:
        openai.api.line("0", CHAT, openai.body("hello", stream=True), openai.deployment())

    assert caught.value.param == "stream"


def test_embeddings_are_answered(openai: OpenAIBatchBench) -> None:
    openai.model = "text-embedding-3-small"
    body = {"input": "hello", "dimensions": 4}
    job = openai.seen(openai.api.create(openai.order([body], endpoint=EMBEDDINGS)))

    answer = openai.results(job)["0"].body
    assert (answer["object"], len(answer["data"][0]["embedding"])) == ("list", 4)


def test_a_job_whose_input_does_not_pass_names_the_lines(openai: OpenAIBatchBench) -> None:
    lines = [{"custom_id": "0", "method": "POST", "url": CHAT, "body": {"model": "gpt-99"}}] * 2
    input_id = openai.stored_input([json.dumps(line).encode() for line in lines])
    job = openai.seen(openai.api.create(JobOrder(PART_ID, openai.deployment(), CHAT, 2, input_id=input_id)))

    unknown = "The provided model 'gpt-99' is not supported by the Batch API."
    assert (job.state, job.outputs) == (JobState.FAILED, ())
    assert (job.error or "").startswith(f"line 1: {unknown}; line 2: The custom_id for this request is a duplicate")


def test_find_reads_page_after_page(openai: OpenAIBatchBench) -> None:
    order = openai.order([openai.body("hello")])
    job_id = openai.api.create(order)
    for number in range(101):
        openai.api.create(JobOrder(f"part-{number:032}", order.deployment, CHAT, 1, input_id=order.input_id))

    assert openai.api.find(PART_ID, order.deployment, openai.since()) == job_id


def test_find_reads_no_page_of_jobs_that_are_too_old(openai: OpenAIBatchBench) -> None:
    jobs = [{"id": "batch_2", "created_at": 20}, {"id": "batch_1", "created_at": 10}]
    answering(openai, {"data": jobs, "has_more": True}, "/v1/batches$")

    assert openai.api.find(PART_ID, openai.deployment(), 15) is None
    assert len(openai.sandbox.requests) == 1


def test_find_reads_a_list_that_has_no_pages(openai: OpenAIBatchBench) -> None:
    for _ in range(2):
        answering(openai, {"data": [{"id": "batch_1", "metadata": None}]}, "/v1/batches$")

    assert openai.api.find(PART_ID, openai.deployment(), 15) is None


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ({"response": {"status_code": 200, "request_id": "r", "body": {"a": 1}}}, (200, {"a": 1}, None, None, "r")),
        (
            {"response": None, "error": {"code": "batch_expired", "message": "late"}},
            (None, {}, "batch_expired", "late", None),
        ),
        ({"response": None, "error": None}, (None, {}, "batch_failed", None, None)),
    ],
    ids=["answer", "error", "nothing"],
)
def test_a_result_is_read(openai: OpenAIBatchBench, line: dict[str, Any], result: tuple[Any, ...]) -> None:
    answering(openai, {"custom_id": "3", **line}, "/v1/files/file-1/content")

    results = list(openai.api.results(Job("batch_1", JobState.COMPLETED, outputs=("file-1",))))

    assert results == [LineResult("3", *result)]


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b"7", b'{"response": {}}', b'{"custom_id": "0", "response": {"body": {}}}'], ids=str
)
def test_a_result_that_is_none_is_the_providers_failure(openai: OpenAIBatchBench, text: bytes) -> None:
    answering(openai, text, "/v1/files/file-1/content")

    with pytest.raises(ProviderFailed, match="a result that is not a line of a batch"):
        list(openai.api.results(Job("batch_1", JobState.COMPLETED, outputs=("file-1",))))


@pytest.mark.parametrize(
    ("body", "told"),
    [({"id": "batch_1", "status": "dancing"}, "unknown status"), ({"status": "completed"}, "without an id")],
)
def test_a_job_that_is_none_is_the_providers_failure(openai: OpenAIBatchBench, body: Any, told: str) -> None:
    answering(openai, body)

    with pytest.raises(ProviderFailed, match=told):
        openai.api.job("batch_1")


def test_a_job_may_tell_no_counts_and_no_reason(openai: OpenAIBatchBench) -> None:
    answering(openai, {"id": "batch_1", "status": "failed", "errors": None, "request_counts": None})

    assert openai.api.job("batch_1") == Job("batch_1", JobState.FAILED, error="The provider gave no reason.")


@pytest.mark.parametrize("status", [400, 409])
def test_a_cancel_that_is_refused_while_the_job_runs_says_so(openai: OpenAIBatchBench, status: int) -> None:
    _, job_id = openai.held()
    openai.sandbox.inject(Fault("POST", ".*/cancel$", status=status))

    with pytest.raises(ProviderFailed) as caught:
        openai.api.cancel(job_id)

    assert caught.value.upstream_status == status


def test_groq_stores_the_files_of_batches_and_no_others(groq: GroqBatchBench) -> None:
    source = groq.spooled(b"{}")
    stored = groq.provider.upload(Upload(FILE_ID, "batch.jsonl", "application/jsonl", "batch", source)).stored_id
    with pytest.raises(ProviderFailed):
        groq.provider.upload(Upload(FILE_ID, "a.pdf", "application/pdf", "user_data", source))

    assert (list(groq.stored()), groq.provider.find(FILE_ID)) == ([stored], [stored])
    groq.provider.delete(stored)
    assert groq.stored() == {}


def test_groq_runs_chats_only(groq: GroqBatchBench) -> None:
    assert groq.api.endpoints == (CHAT,)
