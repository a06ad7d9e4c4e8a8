"""Amazon's stand-in, driven by Amazon's own client: S3, Converse, roles, signatures."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from managed_files.sandbox.bedrock import DEFAULT_KEY, DEFAULT_SECRET, TEMPORARY_KEY, TEMPORARY_TOKEN, BedrockSandbox
from tests.converse_model import assert_answer

Json = dict[str, Any]
NOVA, CLAUDE = "us.amazon.nova-lite-v1:0", "anthropic.claude-sonnet-4-5-20250929-v1:0"
HELLO = [{"role": "user", "content": [{"text": "Hi there"}]}]
PART = bytes(5 << 20)


@pytest.fixture(scope="module")
def running() -> Iterator[BedrockSandbox]:
    with BedrockSandbox(buckets=("bucket", "second")) as server:
        yield server


@pytest.fixture
def sandbox(running: BedrockSandbox) -> BedrockSandbox:
    running.reset()
    return running


def client(server: BedrockSandbox, service: str, **changes: Any) -> Any:
    """Amazon's client, which must find nothing of this machine's own configuration."""
    known = {
        "endpoint_url": server.url,
        "region_name": server.region,
        "aws_access_key_id": DEFAULT_KEY,
        "aws_secret_access_key": DEFAULT_SECRET,
        "config": Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
    }
    return boto3.client(service, **{**known, **changes})


@pytest.fixture
def s3(sandbox: BedrockSandbox) -> Iterator[Any]:
    made = client(sandbox, "s3")
    yield made
    made.close()


@pytest.fixture
def models(sandbox: BedrockSandbox) -> Iterator[Any]:
    made = client(sandbox, "bedrock-runtime")
    yield made
    made.close()


def refusal(act: Any, **arguments: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        act(**arguments)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


# S3


def test_an_object_lives_and_dies(s3: Any) -> None:
    key = "a folder/ä+%20~.pdf"
    etag = s3.put_object(Bucket="bucket", Key=key, Body=b"some bytes", ContentType="application/pdf")["ETag"]
    told = s3.get_object(Bucket="bucket", Key=key)
    listed = s3.list_objects_v2(Bucket="bucket", Prefix="a folder/")["Contents"][0]["Key"]
    deleted = s3.delete_object(Bucket="bucket", Key=key)["ResponseMetadata"]["HTTPStatusCode"]
    again = s3.delete_object(Bucket="bucket", Key=key)["ResponseMetadata"]["HTTPStatusCode"]

    assert (told["Body"].read(), told["ContentType"], told["ETag"], listed, deleted, again) == (
        b"some bytes",
        "application/pdf",
        etag,
        key,
        204,
        204,
    )


def test_a_part_of_an_object(s3: Any) -> None:
    s3.put_object(Bucket="bucket", Key="k", Body=b"0123456789")

    assert s3.get_object(Bucket="bucket", Key="k", Range="bytes=2-4")["Body"].read() == b"234"


def test_long_lists_come_in_pages(s3: Any) -> None:
    for number in range(5):
        s3.put_object(Bucket="bucket", Key=f"k{number}", Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="bucket", PaginationConfig={"PageSize": 2})

    assert [item["Key"] for page in pages for item in page["Contents"]] == ["k0", "k1", "k2", "k3", "k4"]


def test_an_object_in_parts(s3: Any) -> None:
    upload = {
        "Bucket": "bucket",
        "Key": "k",
        "UploadId": s3.create_multipart_upload(Bucket="bucket", Key="k")["UploadId"],
    }
    tags = [s3.upload_part(**upload, PartNumber=n, Body=body)["ETag"] for n, body in ((1, PART), (2, b"end"))]
    unfinished = [found["UploadId"] for found in s3.list_multipart_uploads(Bucket="bucket", Prefix="k")["Uploads"]]
    parts = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})

    assert (unfinished, s3.get_object(Bucket="bucket", Key="k")["Body"].read()) == ([upload["UploadId"]], PART + b"end")


@pytest.mark.parametrize(
    ("parts", "refused"),
    [
        ([(1, b"a"), (2, b"b")], (400, "EntityTooSmall")),
        ([(2, b"b"), (1, b"a")], (400, "InvalidPartOrder")),
    ],
)
def test_parts_that_do_not_fit(s3: Any, parts: list[tuple[int, bytes]], refused: tuple[int, str]) -> None:
    upload = {
        "Bucket": "bucket",
        "Key": "k",
        "UploadId": s3.create_multipart_upload(Bucket="bucket", Key="k")["UploadId"],
    }
    sent = [{"PartNumber": n, "ETag": s3.upload_part(**upload, PartNumber=n, Body=body)["ETag"]} for n, body in parts]

    assert refusal(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": sent}) == refused


def test_a_part_that_nobody_sent(s3: Any) -> None:
    upload = {
        "Bucket": "bucket",
        "Key": "k",
        "UploadId": s3.create_multipart_upload(Bucket="bucket", Key="k")["UploadId"],
    }
    sent = [{"PartNumber": 1, "ETag": '"00000000000000000000000000000000"'}]

    assert refusal(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": sent}) == (400, "InvalidPart")


def test_an_aborted_upload_is_gone(s3: Any, sandbox: BedrockSandbox) -> None:
    upload = {
        "Bucket": "bucket",
        "Key": "k",
        "UploadId": s3.create_multipart_upload(Bucket="bucket", Key="k")["UploadId"],
    }
    s3.abort_multipart_upload(**upload)

    late = refusal(s3.upload_part, **upload, PartNumber=1, Body=b"a")
    assert (late, sandbox.state()) == ((404, "NoSuchUpload"), {"objects": [], "unfinished": []})


@pytest.mark.parametrize(
    ("bucket", "refused"),
    [
        ("bucket", (404, "NoSuchKey")),
        ("nobodys", (404, "NoSuchBucket")),
        ("somebody-elses-bucket", (403, "AccessDenied")),
    ],
)
def test_what_is_not_there(s3: Any, bucket: str, refused: tuple[int, str]) -> None:
    assert refusal(s3.get_object, Bucket=bucket, Key="k") == refused


def test_a_body_without_a_length_is_refused(s3: Any) -> None:
    signed = s3.meta.events  # the client itself never sends one: take its headers off a request that it signs
    held: Json = {}
    signed.register("before-send.s3.PutObject", lambda request, **_: held.update(request.headers))
    s3.put_object(Bucket="bucket", Key="k", Body=b"a")
    headers = {name: value for name, value in held.items() if name.lower() not in ("content-length", "expect")}

    answer = requests.put(f"{s3.meta.endpoint_url}/bucket/k", data=iter([b"a"]), headers=headers, timeout=10)
    assert (answer.status_code, "MissingContentLength" in answer.text) == (411, True)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"aws_access_key_id": "AKIAUNKNOWN"}, (403, "InvalidAccessKeyId")),
        ({"aws_secret_access_key": "wrong"}, (403, "SignatureDoesNotMatch")),
        ({"region_name": "eu-west-1"}, (400, "AuthorizationHeaderMalformed")),
        ({"aws_access_key_id": TEMPORARY_KEY}, (400, "InvalidToken")),
        ({"aws_access_key_id": TEMPORARY_KEY, "aws_session_token": TEMPORARY_TOKEN}, (404, "NoSuchKey")),
    ],
)
def test_signatures_of_s3(sandbox: BedrockSandbox, changes: Json, refused: tuple[int, str]) -> None:
    made = client(sandbox, "s3", **changes)

    told = refusal(made.get_object, Bucket="bucket", Key="a b/ä")
    made.close()
    assert told == refused


def test_no_signature_at_all(sandbox: BedrockSandbox) -> None:
    statuses = [requests.get(f"{sandbox.url}/bucket/k", timeout=10).status_code]
    statuses.append(requests.post(f"{sandbox.url}/model/{NOVA}/converse", json={}, timeout=10).status_code)

    assert statuses == [403, 403]


# Converse


def test_a_whole_answer(models: Any) -> None:
    told = models.converse(modelId=NOVA, messages=HELLO)
    answer = {name: value for name, value in told.items() if name != "ResponseMetadata"}
    assert_answer(answer)

    assert answer["output"]["message"]["content"] == [{"text": "You said: Hi there"}]


def test_a_streamed_answer(models: Any) -> None:
    told = list(models.converse_stream(modelId=NOVA, messages=HELLO)["stream"])

    words = [item["contentBlockDelta"]["delta"]["text"] for item in told if "contentBlockDelta" in item]
    assert (words, [next(iter(item)) for item in told][-2:]) == (
        ["You", " said:", " Hi", " there"],
        ["messageStop", "metadata"],
    )


def test_a_file_by_its_address(s3: Any, models: Any) -> None:
    s3.put_object(Bucket="bucket", Key="id/a.pdf", Body=b"%PDF-1.7 hello")
    source = {"s3Location": {"uri": "s3://bucket/id/a.pdf"}}
    content = [{"text": "What is it?"}, {"document": {"format": "pdf", "name": "a", "source": source}}]

    said = models.converse(modelId=NOVA, messages=[{"role": "user", "content": content}])
    assert "a: document/pdf, 14 bytes, sha256" in said["output"]["message"]["content"][0]["text"]


def document(uri: str = "s3://bucket/none", name: str = "a") -> Json:
    return {"document": {"format": "pdf", "name": name, "source": {"s3Location": {"uri": uri}}}}


def calling() -> list[Json]:
    return [*HELLO, {"role": "assistant", "content": [{"toolUse": {"toolUseId": "c", "name": "f", "input": {}}}]}]


@pytest.mark.parametrize(
    ("model", "messages", "words"),
    [
        ("no.such-model", HELLO, "model identifier"),
        (NOVA, [], "start with a user"),
        (NOVA, [*HELLO, *HELLO], "alternate"),
        (NOVA, [{"role": "assistant", "content": [{"text": "a"}]}], "start with a user"),
        (NOVA, [{"role": "user", "content": [{"text": " "}]}], "blank"),
        (NOVA, [{"role": "user", "content": [document()]}], "text block is required"),
        (NOVA, [{"role": "user", "content": [{"text": "a"}, document()]}], "could not be found"),
        (NOVA, [{"role": "user", "content": [{"text": "a"}, document(name="a.pdf")]}], "alphanumeric"),
        (NOVA, [{"role": "user", "content": [{"text": "a"}, document(), document()]}], "have to differ"),
        (CLAUDE, [{"role": "user", "content": [{"text": "a"}, document()]}], "doesn't support S3"),
        (NOVA, [*calling(), *HELLO], "toolResult"),
    ],
    ids=str,
)
def test_what_converse_refuses(models: Any, model: str, messages: list[Json], words: str) -> None:
    with pytest.raises(ClientError) as caught:
        models.converse(modelId=model, messages=messages)

    error = caught.value.response["Error"]
    assert (error["Code"], words in error["Message"]) == ("ValidationException", True)


def test_somebody_elses_object(models: Any) -> None:
    content = [{"text": "a"}, document("s3://somebody-elses-bucket/k")]

    told = refusal(models.converse, modelId=NOVA, messages=[{"role": "user", "content": content}])
    assert told == (403, "AccessDeniedException")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"messages": HELLO, "n": 2}, "does not know the key n"),
        ({"messages": HELLO, "inferenceConfig": {"maxTokens": 0}}, "outside of its limits"),
        ({"messages": HELLO, "inferenceConfig": {"maxTokens": True}}, "has to be a integer"),
        ({"messages": [{"role": "robot", "content": []}]}, "has to be one of"),
        (
            {"messages": [{"role": "user", "content": [{"text": "a", "cachePoint": {"type": "default"}}]}]},
            "exactly one",
        ),
        (
            {"messages": [{"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": "?"}}}]}]},
            "base64",
        ),
        ({"messages": [{"content": []}]}, "lacks the key role"),
        ({"messages": {}}, "has to be an array"),
        ([], "has to be an object"),
    ],
    ids=str,
)
def test_a_shape_that_the_service_model_does_not_know(sandbox: BedrockSandbox, body: Any, words: str) -> None:
    headers = {"Authorization": f"Bearer {next(iter(sandbox.api_keys))}"}

    answer = requests.post(f"{sandbox.url}/model/{NOVA}/converse", json=body, headers=headers, timeout=10)
    assert (answer.status_code, words in answer.json()["message"]) == (400, True)


# roles


def test_a_role_gives_keys_that_work(sandbox: BedrockSandbox) -> None:
    sts = client(sandbox, "sts")
    granted = sts.assume_role(RoleArn=sandbox.role, RoleSessionName="test")["Credentials"]
    keys = {
        "aws_access_key_id": granted["AccessKeyId"],
        "aws_secret_access_key": granted["SecretAccessKey"],
        "aws_session_token": granted["SessionToken"],
    }
    s3 = client(sandbox, "s3", **keys)
    s3.put_object(Bucket="bucket", Key="k", Body=b"a")
    s3.close()
    sts.close()

    assert list(sandbox.objects) == ["s3://bucket/k"]


def test_somebody_elses_role(sandbox: BedrockSandbox) -> None:
    sts = client(sandbox, "sts")

    told = refusal(sts.assume_role, RoleArn="arn:aws:iam::123456789012:role/other", RoleSessionName="test")
    sts.close()
    assert told == (403, "AccessDenied")
