"""Vertex AI's batches: labels, places, folders, and what its output may look like."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from managed_files.batch_records import CHAT, Job, JobState, LineResult
from managed_files.errors import InvalidRequest, ProviderFailed
from managed_files.providers.google_batches import state_of
from managed_files.records import Deployment
from managed_files.sandbox.faults import Fault
from managed_files.sandbox.gcs import StoredObject
from managed_files.sandbox.google import GoogleSandbox
from tests.contract.batch_benches import PART_ID, VertexAIBatchBench

FOLDER = f"gs://sandbox-bucket/shared/batches/{PART_ID}"
OUTPUT = f"{FOLDER}/prediction-model-now"
JOB = Job("projects/1/locations/l/batchPredictionJobs/1", JobState.COMPLETED, outputs=(OUTPUT,))


@pytest.fixture
def bench() -> Iterator[VertexAIBatchBench]:
    bench = VertexAIBatchBench()
    yield bench
    bench.close()


def put(sandbox: GoogleSandbox, uri: str, data: bytes = b"") -> None:
    """An object, without the detour over HTTP."""
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    with sandbox._shelf.writer() as writer:
        writer.write(data)
        sandbox.buckets.put(StoredObject(bucket, name, "text/plain", writer.commit()), None)


def written(key: str | None, **line: Any) -> bytes:
    """A line of output; without a key it is not one of ours."""
    labels = {} if key is None else {"labels": {"managed_files_line": key}}
    return json.dumps({"status": "", "request": labels, "response": {}, **line}).encode() + b"\n"


def at(bench: VertexAIBatchBench, location: str, **params: Any) -> Deployment:
    return replace(bench.deployment(), params={**bench.params(), "vertex_location": location, **params})


# line


def test_the_callers_own_labels_survive(bench: VertexAIBatchBench) -> None:
    line = bench.api.line("7", CHAT, {"contents": [], "labels": {"team": "a"}}, bench.deployment())

    assert line == {"request": {"contents": [], "labels": {"team": "a", "managed_files_line": "7"}}}


@pytest.mark.parametrize("labels", [{"managed_files_line": "1"}, {f"l{number}": "" for number in range(64)}], ids=len)
def test_one_label_has_to_be_free(bench: VertexAIBatchBench, labels: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        bench.api.line("7", CHAT, {"labels": labels}, bench.deployment())

    assert caught.value.param == "metadata"


def test_a_tuned_models_endpoint_takes_no_batches(bench: VertexAIBatchBench) -> None:
    with pytest.raises(InvalidRequest):
        bench.api.line("7", CHAT, {}, replace(bench.deployment(), model="123"))


# places


def test_a_job_stays_in_the_place_where_it_was_made(bench: VertexAIBatchBench) -> None:
    order = replace(bench.order([bench.body("hello")]), deployment=at(bench, "europe-west1"))
    job = bench.seen(bench.api.create(order))
    found = [bench.api.find(PART_ID, at(bench, place), 0) for place in ("europe-west1", "us-central1")]

    bench.api.discard(PART_ID, order.deployment, job)

    assert (job.state, found, bench.leftovers(order)) == (JobState.COMPLETED, [job.id, None], set())


def test_a_name_like_no_jobs_is_not_believed(bench: VertexAIBatchBench) -> None:
    order = bench.order([bench.body("hello")])
    bench.sandbox.inject(Fault("POST", bench.create_path, status=200, body={"name": "operations/1"}))

    with pytest.raises(ProviderFailed, match="without a name"):
        bench.api.create(order)


# results


def test_output_is_read_from_every_shard_and_nowhere_else(bench: VertexAIBatchBench) -> None:
    put(bench.sandbox, f"{OUTPUT}/predictions_000.jsonl", written("0"))
    put(bench.sandbox, f"{OUTPUT}/predictions_001.jsonl", written("1"))
    put(bench.sandbox, f"{OUTPUT}/incremental_predictions/predictions.jsonl", written("0"))
    put(bench.sandbox, f"{OUTPUT}-older/predictions.jsonl", written("2"))

    assert list(bench.results(JOB)) == ["0", "1"]


def test_a_line_without_our_label_counts_as_missing(bench: VertexAIBatchBench) -> None:
    put(bench.sandbox, f"{OUTPUT}/predictions.jsonl", written(None) + written("1", request=None) + written("2"))

    assert list(bench.results(JOB)) == ["2"]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ('Bad Request: {"error": {"code": 400, "message": "m", "status": "INVALID_ARGUMENT"}}', (400, "m")),
        ('{"error": {"code": 8, "message": "m"}}', (429, "m")),
        ('{"error": {"code": 403, "message": "m"}}', (502, "m")),
        ('{"error": {"code": "odd", "message": "m"}}', (502, "m")),
        ("INTERNAL: oh", (502, "INTERNAL: oh")),
        ("A brace { that is none", (502, "A brace { that is none")),
        ('Odd: {"error": "text"}', (502, 'Odd: {"error": "text"}')),
    ],
)
def test_what_a_status_says(bench: VertexAIBatchBench, status: str, told: tuple[int, str]) -> None:
    put(bench.sandbox, f"{OUTPUT}/predictions.jsonl", written("0", status=status))

    result = bench.results(JOB)["0"]

    assert (result.status, result.body["error"]["message"].partition(": ")[2]) == told


def test_a_refusal_is_told_as_the_chats(bench: VertexAIBatchBench) -> None:
    job = bench.ended([bench.bad_body()])

    message = "temperature value of 99 but the supported range is 0 to 2."
    envelope = {"type": "provider_error", "param": None, "code": "400"}
    words = f"vertex_ai answered 400: Unable to submit request because it has a {message}"
    assert list(bench.api.results(job)) == [LineResult("0", 400, {"error": {"message": words, **envelope}})]


@pytest.mark.parametrize("junk", [b"{\n", b"[]\n", b"\xff\n"])
def test_output_that_cannot_be_read_is_a_failure(bench: VertexAIBatchBench, junk: bytes) -> None:
    put(bench.sandbox, f"{OUTPUT}/predictions.jsonl", written("0") + junk)

    with pytest.raises(ProviderFailed, match="a line of results"):
        bench.results(JOB)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("JOB_STATE_QUEUED", JobState.VALIDATING),
        ("JOB_STATE_PENDING", JobState.VALIDATING),
        ("JOB_STATE_RUNNING", JobState.IN_PROGRESS),
        ("JOB_STATE_UPDATING", JobState.IN_PROGRESS),
        ("JOB_STATE_PAUSED", JobState.IN_PROGRESS),
        ("JOB_STATE_SUCCEEDED", JobState.COMPLETED),
        ("JOB_STATE_PARTIALLY_SUCCEEDED", JobState.COMPLETED),
        ("JOB_STATE_FAILED", JobState.FAILED),
        ("JOB_STATE_CANCELLING", JobState.CANCELLING),
        ("JOB_STATE_CANCELLED", JobState.CANCELLED),
        ("JOB_STATE_EXPIRED", JobState.EXPIRED),
        ("BATCH_STATE_PENDING", JobState.VALIDATING),
        ("BATCH_STATE_RUNNING", JobState.IN_PROGRESS),
        ("BATCH_STATE_SUCCEEDED", JobState.COMPLETED),
        ("BATCH_STATE_FAILED", JobState.FAILED),
        ("BATCH_STATE_CANCELLED", JobState.CANCELLED),
        ("BATCH_STATE_EXPIRED", JobState.EXPIRED),
        ("JOB_STATE_OF_THE_FUTURE", JobState.IN_PROGRESS),
        (None, JobState.IN_PROGRESS),
    ],
)
def test_states(word: str | None, state: JobState) -> None:
    assert state_of(word) is state


# discard


def test_a_job_that_runs_is_stopped_before_its_output_goes(bench: VertexAIBatchBench) -> None:
    order, job_id = bench.held()
    put(bench.sandbox, f"{FOLDER}/early.jsonl")

    with pytest.raises(ProviderFailed) as caught:
        bench.api.discard(PART_ID, order.deployment, None)

    assert (caught.value.retryable, bench.leftovers(order)) == (True, {f"{FOLDER}/early.jsonl"})
    assert bench.seen(job_id).state is JobState.CANCELLED


def test_a_discarded_job_is_gone(bench: VertexAIBatchBench) -> None:
    order = bench.order([bench.body("hello")])
    job = bench.seen(bench.api.create(order))

    bench.api.discard(PART_ID, order.deployment, job)

    assert bench.sandbox.predictions.jobs == {}


def test_more_output_than_a_page_of_the_list_holds(bench: VertexAIBatchBench) -> None:
    for number in range(1001):
        put(bench.sandbox, f"{OUTPUT}/predictions_{number:04}.jsonl", written(str(number)))
    put(bench.sandbox, f"{FOLDER}-of-another/predictions.jsonl")

    read = len(bench.results(JOB))
    bench.api.discard(PART_ID, bench.deployment(), None)

    assert (read, list(bench.stored())) == (1001, [f"{FOLDER}-of-another/predictions.jsonl"])
