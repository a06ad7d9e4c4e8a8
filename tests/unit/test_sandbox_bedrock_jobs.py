"""Model invocation jobs at Amazon's stand-in, driven by Amazon's own client."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from managed_files.sandbox.bedrock import BedrockSandbox
from tests.aws_client import client, refusal

Json = dict[str, Any]
NOVA = "us.amazon.nova-lite-v1:0"
GHOST = "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/000000000000"


@pytest.fixture
def sandbox() -> Iterator[BedrockSandbox]:
    with BedrockSandbox(buckets=("bucket", "second")) as server:
        yield server


@pytest.fixture
def s3(sandbox: BedrockSandbox) -> Iterator[Any]:
    made = client(sandbox, "s3")
    yield made
    made.close()


@pytest.fixture
def jobs(sandbox: BedrockSandbox) -> Iterator[Any]:
    made = client(sandbox, "bedrock")
    yield made
    made.close()


def record(key: str, **changes: Any) -> Json:
    return {"recordId": key, "modelInput": {"messages": [{"role": "user", "content": [{"text": key}]}], **changes}}


def order(sandbox: BedrockSandbox, name: str = "mine", **changes: Any) -> Json:
    return {
        "jobName": name,
        "roleArn": sandbox.batch_role,
        "modelId": NOVA,
        "modelInvocationType": "Converse",
        "inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://bucket/in.jsonl", "s3InputFormat": "JSONL"}},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://second/out/"}},
        **changes,
    }


def ordered(sandbox: BedrockSandbox, jobs: Any, s3: Any, *records: Json | str, **changes: Any) -> str:
    """The ARN of a job of these records, which is held or has ended."""
    text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in records)
    s3.put_object(Bucket="bucket", Key="in.jsonl", Body=text.encode())
    arn: str = jobs.create_model_invocation_job(**order(sandbox, **changes))["jobArn"]
    sandbox.settle_batches()
    return arn


def written(s3: Any, arn: str, name: str) -> list[Json]:
    key = f"out/{arn.rpartition('/')[2]}/{name}"
    return [json.loads(line) for line in s3.get_object(Bucket="second", Key=key)["Body"].read().splitlines()]


def test_a_job_from_its_order_to_its_output(sandbox: BedrockSandbox, jobs: Any, s3: Any) -> None:
    arn = ordered(sandbox, jobs, s3, record("a"), record("b", inferenceConfig={"temperature": 9}))

    job = jobs.get_model_invocation_job(jobIdentifier=arn)
    good, bad = written(s3, arn, "in.jsonl.out")
    assert (job["status"], job["successRecordCount"], job["errorRecordCount"]) == ("Completed", 1, 1)
    assert (good["recordId"], good["modelOutput"]["stopReason"]) == ("a", "end_turn")
    assert (bad["recordId"], bad["error"]["errorCode"], "modelOutput" in bad) == ("b", 400, False)
    assert written(s3, arn, "manifest.json.out")[0]["totalRecordCount"] == 2


def test_a_stopped_job(sandbox: BedrockSandbox, jobs: Any, s3: Any) -> None:
    sandbox.hold_batches()
    arn = ordered(sandbox, jobs, s3, record("a"))
    running = jobs.get_model_invocation_job(jobIdentifier=arn.rpartition("/")[2])["status"]
    jobs.stop_model_invocation_job(jobIdentifier=arn)
    sandbox.settle_batches()

    assert (running, jobs.get_model_invocation_job(jobIdentifier=arn)["status"]) == ("InProgress", "Stopped")
    assert refusal(jobs.stop_model_invocation_job, jobIdentifier=arn) == (400, "ConflictException")


@pytest.mark.parametrize(("records", "status"), [(1, "Expired"), (2, "PartiallyCompleted")])
def test_a_job_that_ran_out_of_time(sandbox: BedrockSandbox, jobs: Any, s3: Any, records: int, status: str) -> None:
    sandbox.hold_batches()
    arn = ordered(sandbox, jobs, s3, *(record(str(key)) for key in range(records)))
    sandbox.expire_batches()
    sandbox.settle_batches()

    assert jobs.get_model_invocation_job(jobIdentifier=arn)["status"] == status


@pytest.mark.parametrize(
    ("records", "changes", "words"),
    [
        (["{"], {}, "Expecting property name"),
        (["[]"], {}, "Record 1 is not a valid JSON object"),
        ([{"recordId": "a"}], {}, "Record 1 is not a valid JSON object"),
        ([""], {}, "less records (0)"),
        (
            [record("a")],
            {"inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://bucket/none.jsonl"}}},
            "holds no input",
        ),
        (
            [record("a")],
            {"outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://somebody-elses-bucket/out"}}},
            "may not write",
        ),
    ],
    ids=str,
)
def test_inputs_that_fail_the_job(
    sandbox: BedrockSandbox, jobs: Any, s3: Any, records: list[Any], changes: Json, words: str
) -> None:
    job = jobs.get_model_invocation_job(jobIdentifier=ordered(sandbox, jobs, s3, *records, **changes))

    assert (job["status"], words in job["message"]) == ("Failed", True)


@pytest.mark.parametrize(
    "changes",
    [
        {"jobName": "-"},
        {"roleArn": "arn:aws:iam::123456789012:role/other"},
        {"timeoutDurationInHours": 169},
        {"modelInvocationType": "Chat"},
        {"inputDataConfig": {"s3InputDataConfig": {"s3Uri": "https://bucket/in.jsonl"}}},
    ],
    ids=str,
)
def test_orders_that_are_refused(sandbox: BedrockSandbox, jobs: Any, changes: Json) -> None:
    with pytest.raises(ClientError) as caught:
        jobs.create_model_invocation_job(**order(sandbox, **changes))

    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_token_stands_for_one_order(sandbox: BedrockSandbox, jobs: Any, s3: Any) -> None:
    first, again = (ordered(sandbox, jobs, s3, record("a"), clientRequestToken="once") for _ in range(2))

    told = refusal(jobs.create_model_invocation_job, **order(sandbox, "other", clientRequestToken="once"))
    assert (first == again, told) == (True, (400, "ConflictException"))


def test_a_list_can_be_narrowed(sandbox: BedrockSandbox, jobs: Any, s3: Any) -> None:
    first, second = (ordered(sandbox, jobs, s3, record("a"), name=name) for name in ("one", "two"))
    now = datetime.now(UTC)

    def arns(**wanted: Any) -> list[str]:
        pages = jobs.get_paginator("list_model_invocation_jobs").paginate(**wanted)
        return [job["jobArn"] for page in pages for job in page["invocationJobSummaries"]]

    assert [
        arns(maxResults=1),
        arns(sortOrder="Ascending"),
        arns(nameContains="tw"),
        arns(statusEquals="Failed"),
        arns(submitTimeAfter=now + timedelta(hours=1)),
        arns(submitTimeAfter=now - timedelta(hours=1)),
    ] == [[second, first], [first, second], [second], [], [], [second, first]]


def test_a_job_that_there_is_not(jobs: Any) -> None:
    told = [
        refusal(call, jobIdentifier=GHOST) for call in (jobs.get_model_invocation_job, jobs.stop_model_invocation_job)
    ]
    assert told == [(404, "ResourceNotFoundException")] * 2


def test_a_wrong_signature(sandbox: BedrockSandbox) -> None:
    stranger = client(sandbox, "bedrock", aws_secret_access_key="wrong")

    assert refusal(stranger.list_model_invocation_jobs)[0] == 403
    stranger.close()
