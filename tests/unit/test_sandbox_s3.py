"""Amazon's stand-in for S3, driven by Amazon's own client: objects, parts, signatures."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from managed_files.sandbox.bedrock import TEMPORARY_KEY, TEMPORARY_TOKEN, BedrockSandbox
from tests.aws_client import client, refusal

Json = dict[str, Any]
PART = bytes(5 << 20)


@pytest.fixture(scope="module")
def running() -> Iterator[BedrockSandbox]:
    with BedrockSandbox(buckets=("bucket", "second")) as server:
        yield server


@pytest.fixture
def sandbox(running: BedrockSandbox) -> BedrockSandbox:
    running.reset()
    return running


@pytest.fixture
def s3(sandbox: BedrockSandbox) -> Iterator[Any]:
    made = client(sandbox, "s3")
    yield made
    made.close()


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
