"""Bedrock's batches: orders, places, regions, and what a job may leave in S3."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from managed_files.batch_records import Job, JobState
from managed_files.errors import ProviderFailed
from managed_files.providers.bedrock_jobs import job_of, region_of, result_of
from managed_files.providers.s3_listing import below
from managed_files.sandbox.bedrock import BedrockSandbox
from managed_files.sandbox.faults import Fault
from tests.contract.batch_benches import PART_ID, BedrockBatchBench

OTHER = "part-" + "q" * 32
ORDERS, LIST = "/model-invocation-job", "/model-invocation-jobs"
ARN = "arn:aws:bedrock:eu-west-1:123456789012:model-invocation-job/abcdef012345"
IN, OUT = "s3://b/p/file-mf-1/batch.jsonl", "s3://b/p/batches/part-1/"


@pytest.fixture
def bench() -> Iterator[BedrockBatchBench]:
    bench = BedrockBatchBench()
    yield bench
    bench.close()


def sent(bench: BedrockBatchBench) -> dict[str, Any]:
    """The body of the last order."""
    found: dict[str, Any] = [one for one in bench.sandbox.requests if one.path == ORDERS][-1].json()
    return found


def told(status: str, **fields: Any) -> dict[str, Any]:
    """A job as AWS tells it."""
    places = {
        "inputDataConfig": {"s3InputDataConfig": {"s3Uri": IN}},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": OUT}},
    }
    return {"status": status, **places, **fields}


# create


def test_an_order(bench: BedrockBatchBench) -> None:
    order = bench.order([bench.body("hello")])

    bench.api.create(order)

    assert sent(bench) == {
        "jobName": PART_ID,
        "clientRequestToken": PART_ID,
        "roleArn": bench.sandbox.batch_role,
        "modelId": bench.model,
        "modelInvocationType": "Converse",
        "inputDataConfig": {"s3InputDataConfig": {"s3InputFormat": "JSONL", "s3Uri": order.input_id}},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": f"s3://sandbox-bucket/shared/batches/{PART_ID}/"}},
        "timeoutDurationInHours": 24,
    }


@pytest.mark.parametrize("changed", [False, True])
def test_results_go_to_a_bucket_of_their_own(bench: BedrockBatchBench, changed: bool) -> None:
    """And are deleted there, also once the configuration names another one."""
    api = bench.adapter(s3_output_bucket_name="sandbox-bucket/results", s3_encryption_key_id="alias/files").batches()
    assert api is not None
    job_id = api.create(bench.order([bench.body("hello")]))
    bench.steering.settle_batches()
    job = api.job(job_id)

    answers = [(result.key, result.status) for result in api.results(job)]
    (bench.api if changed else api).discard(PART_ID, bench.deployment(), job)

    place = {"s3Uri": f"s3://sandbox-bucket/results/batches/{PART_ID}/", "s3EncryptionKeyId": "alias/files"}
    assert (answers, sent(bench)["outputDataConfig"]) == ([("0", 200)], {"s3OutputDataConfig": place})
    assert [uri for uri in bench.stored() if "/results/" in uri] == []


@pytest.mark.parametrize(("window", "hours"), [(1, 24), (86_401, 25), (10**9, 168)])
def test_the_window_is_told_in_hours(bench: BedrockBatchBench, window: int, hours: int) -> None:
    bench.api.create(replace(bench.order([bench.body("hello")]), window=window))

    assert sent(bench)["timeoutDurationInHours"] == hours


@pytest.mark.parametrize("model", ["us-east-1/us.amazon.nova-lite-v1:0", "converse/us.amazon.nova-lite-v1:0"])
def test_what_stands_before_a_models_name_is_not_sent(bench: BedrockBatchBench, model: str) -> None:
    order = bench.order([bench.body("hello")])

    bench.api.create(replace(order, deployment=replace(order.deployment, model=model)))

    assert sent(bench)["modelId"] == "us.amazon.nova-lite-v1:0"


def test_the_same_order_makes_one_job(bench: BedrockBatchBench) -> None:
    order = bench.order([bench.body("hello")])

    assert bench.api.create(order) == bench.api.create(order)


def test_without_a_role_there_are_no_batches(bench: BedrockBatchBench) -> None:
    order = bench.order([bench.body("hello")])
    params = {**order.deployment.params, "aws_batch_role_arn": None}

    with pytest.raises(ProviderFailed, match="aws_batch_role_arn") as caught:
        bench.api.create(replace(order, deployment=replace(order.deployment, params=params)))

    assert caught.value.http_status == 400


def test_a_role_that_bedrock_may_not_assume(bench: BedrockBatchBench) -> None:
    order = bench.order([bench.body("hello")])
    params = {**order.deployment.params, "aws_batch_role_arn": "arn:aws:iam::123456789012:role/other"}

    with pytest.raises(ProviderFailed, match="Could not assume") as caught:
        bench.api.create(replace(order, deployment=replace(order.deployment, params=params)))

    assert caught.value.upstream_status == 400


def test_an_api_key_needs_no_signature(bench: BedrockBatchBench) -> None:
    api = bench.adapter(api_key=next(iter(bench.sandbox.api_keys))).batches()
    assert api is not None

    job = api.job(api.create(bench.order([bench.body("hello")])))

    keys = {one.headers["authorization"][:7] for one in bench.sandbox.requests if one.path.startswith(ORDERS)}
    assert (job.error, keys) == (None, {"Bearer "})


def test_the_quota_of_records() -> None:
    class StrictBench(BedrockBatchBench):
        def started(self) -> BedrockSandbox:
            return BedrockSandbox(min_batch_records=100).start()

    bench = StrictBench()
    job = bench.ended([bench.body("hello")])
    bench.close()

    assert (job.state, job.error) == (
        JobState.FAILED,
        "Batch job contains less records (1) than the required minimum of: 100",
    )


# find and discard


def test_it_is_looked_for_page_after_page(bench: BedrockBatchBench) -> None:
    name = "part-" + "a" * 31
    jobs = {part: bench.api.create(bench.order([bench.body("hello")], part)) for part in (f"{name}1", f"{name}11")}
    bench.sandbox.jobs.page_size = 1

    found = bench.api.find(f"{name}1", bench.deployment(), bench.since())

    assert found == jobs[f"{name}1"]
    assert [one.query.get("nextToken") for one in bench.sandbox.requests if one.path == LIST] == [None, "1"]


def test_a_running_job_is_stopped_before_its_output_goes(bench: BedrockBatchBench) -> None:
    order, job_id = bench.held()
    bench.sandbox.inject(Fault("GET", f"{ORDERS}/", status=200, body=told("Stopping")))

    with pytest.raises(ProviderFailed) as caught:
        bench.api.discard(PART_ID, order.deployment, None)

    assert (caught.value.retryable, bench.seen(job_id).state) == (True, JobState.CANCELLED)


def test_other_parts_keep_their_output(bench: BedrockBatchBench) -> None:
    order = bench.order([bench.body("hello")])
    bench.seen(bench.api.create(bench.order([bench.body("hello")], f"{PART_ID}0")))
    kept = set(bench.stored())

    bench.api.discard(PART_ID, order.deployment, bench.seen(bench.api.create(order)))

    assert set(bench.stored()) == kept


def test_a_job_that_wrote_nothing_has_no_results(bench: BedrockBatchBench) -> None:
    job = Job(ARN, JobState.EXPIRED, outputs=("s3://sandbox-bucket/shared/nothing.out",))

    assert list(bench.api.results(job)) == []


def test_a_list_has_pages(bench: BedrockBatchBench) -> None:
    store = bench.provider.store()
    uris = [f"s3://sandbox-bucket/shared/f/{name}" for name in ("a b", "c&d", "é", "x/y")]
    for uri in uris:
        store.call("PUT", uri, body=b"x")
    bench.sandbox.buckets.page_size = 2

    assert list(below(store, "s3://sandbox-bucket/shared/f/")) == sorted(uris)


# what AWS says


OUTPUTS = ("s3://b/p/batches/part-1/abcdef012345/batch.jsonl.out",)


@pytest.mark.parametrize(
    ("answer", "job"),
    [
        (told("Submitted"), Job(ARN, JobState.VALIDATING)),
        (told("Validating"), Job(ARN, JobState.VALIDATING)),
        (told("Scheduled", message="soon"), Job(ARN, JobState.VALIDATING)),
        (told("SomethingNew"), Job(ARN, JobState.IN_PROGRESS)),
        (told("Stopping"), Job(ARN, JobState.CANCELLING)),
        (
            told("Completed", successRecordCount=3, errorRecordCount=1),
            Job(ARN, JobState.COMPLETED, 3, 1, OUTPUTS),
        ),
        (told("PartiallyCompleted"), Job(ARN, JobState.EXPIRED, outputs=OUTPUTS)),
        (told("Stopped"), Job(ARN, JobState.CANCELLED, outputs=OUTPUTS)),
        (told("Failed", message="No."), Job(ARN, JobState.FAILED, outputs=OUTPUTS, error="No.")),
    ],
)
def test_jobs(answer: dict[str, Any], job: Job) -> None:
    assert job_of(ARN, answer) == job


def test_an_arn_tells_its_region() -> None:
    assert region_of(ARN) == "eu-west-1"


def test_what_is_no_arn() -> None:
    with pytest.raises(ProviderFailed):
        region_of("None")


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        ({"errorCode": 400, "errorMessage": "No."}, 400, "No."),
        ({"errorCode": "429", "errorMessage": "Slowly."}, 429, "Slowly."),
        ({"errorMessage": "It broke."}, 502, "It broke."),
        ({"errorCode": 200}, 502, "no reason given"),
    ],
)
def test_refusals(error: dict[str, Any], status: int, message: str) -> None:
    result = result_of({"recordId": "7", "modelInput": {}, "error": error})

    assert (result.key, result.status, message in json.dumps(result.body)) == ("7", status, True)


@pytest.mark.parametrize("line", [b"{", b"[]", b"{}", b'{"recordId": "a", "error": "x"}'])
def test_a_line_that_is_no_result(bench: BedrockBatchBench, line: bytes) -> None:
    job = Job(ARN, JobState.COMPLETED, outputs=(bench.stored_input([line]),))

    with pytest.raises(ProviderFailed, match="not a line of a batch"):
        list(bench.api.results(job))
