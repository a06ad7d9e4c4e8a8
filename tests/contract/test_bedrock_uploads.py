"""Bedrock's uploads: one request or parts, what is sent again, what is left behind, names that need care."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from managed_files.errors import ProviderFailed, SpoolBroken
from managed_files.providers.registry import build
from managed_files.records import Account
from managed_files.sandbox.bedrock import DEFAULT_KEY, DEFAULT_SECRET
from managed_files.sandbox.faults import Fault
from managed_files.spool import Spool
from managed_files.upstream import Upstream
from tests.contract.bench import FILE_ID, sending
from tests.contract.benches import BedrockBench
from tests.raw_server import certificate, echo, serving

MIB = 1024 * 1024
LARGE = bytes(range(256)) * 4096 * 17  # 17 MiB: two parts and a rest
KEYS = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "aws_region_name": "us-east-1"}
URI = f"s3://sandbox-bucket/shared/{FILE_ID}/paper.pdf"


@pytest.fixture
def bench() -> Iterator[BedrockBench]:
    bench = BedrockBench()
    yield bench
    bench.close()


def asked(bench: BedrockBench) -> list[tuple[str, str]]:
    """Method and query of every request, ids left out."""
    return [(one.method, ",".join(sorted(one.query))) for one in bench.sandbox.requests]


def test_a_file_of_unknown_length_goes_in_parts_while_it_arrives(bench: BedrockBench) -> None:
    spool = bench.growing()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(bench.provider.upload, sending(spool))
        spool.write(LARGE[: 9 * MIB])
        bench.sandbox.wait_for(lambda one: one.query.get("partNumber") == "1" and one.size == 8 * MIB)
        spool.write(LARGE[9 * MIB :])
        spool.finish()

    sizes = [one.size for one in bench.sandbox.requests if "partNumber" in one.query]
    assert (running.result().remote_id, bench.stored(), sizes) == (
        URI,
        {URI: hashlib.sha256(LARGE).hexdigest()},
        [8 * MIB, 8 * MIB, 1 * MIB],
    )


@pytest.mark.parametrize("size", [0, 1, 8 * MIB])
def test_a_small_file_of_unknown_length_goes_in_one_request(bench: BedrockBench, size: int) -> None:
    bench.provider.upload(sending(bench.spooled(LARGE[:size])))

    assert (asked(bench), bench.stored()) == ([("PUT", "")], {URI: hashlib.sha256(LARGE[:size]).hexdigest()})


@pytest.mark.parametrize(
    "fault", [{"status": 503}, {"status": 500}, {"cut": "mid_body"}, {"cut": "after_commit"}], ids=str
)
def test_a_part_that_fails_is_sent_again(bench: BedrockBench, fault: dict[str, Any]) -> None:
    bench.sandbox.inject(Fault("PUT", bench.upload_path, headers={"Retry-After": "0"}, **fault))
    bench.provider.upload(sending(bench.spooled(LARGE)))

    assert bench.stored() == {URI: hashlib.sha256(LARGE).hexdigest()}


def test_a_completion_that_fails_under_a_200_is_tried_again(bench: BedrockBench) -> None:
    bench.sandbox.multiparts.complete_errors.append("InternalError")
    bench.provider.upload(sending(bench.spooled(LARGE)))

    assert bench.stored() == {URI: hashlib.sha256(LARGE).hexdigest()}


def test_a_completion_that_is_refused_under_a_200_is_a_failure(bench: BedrockBench) -> None:
    bench.sandbox.multiparts.complete_errors.append("InvalidPart")

    with pytest.raises(ProviderFailed) as caught:
        bench.provider.upload(sending(bench.spooled(LARGE)))
    assert (caught.value.upstream_status, bench.sandbox.state()) == (400, {"objects": [], "unfinished": []})


def test_a_part_that_is_refused_drops_the_others(bench: BedrockBench) -> None:
    bench.sandbox.inject(Fault("PUT", bench.upload_path, status=403))

    with pytest.raises(ProviderFailed) as caught:
        bench.provider.upload(sending(bench.spooled(LARGE)))
    assert (caught.value.upstream_status, bench.sandbox.state()) == (403, {"objects": [], "unfinished": []})


def test_a_client_that_goes_away_leaves_no_parts(bench: BedrockBench) -> None:
    spool = bench.growing()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(bench.provider.upload, sending(spool))
        spool.write(LARGE[: 9 * MIB])
        bench.sandbox.wait_for(lambda one: "partNumber" in one.query)
        spool.fail("gone")

    left = bench.sandbox.state()
    assert (type(running.exception()), left) == (SpoolBroken, {"objects": [], "unfinished": []})


def test_a_delete_drops_the_parts_that_a_killed_process_left(bench: BedrockBench) -> None:
    bench.sandbox.inject(Fault("DELETE", bench.file_path, status=500))
    bench.sandbox.inject(Fault("PUT", bench.upload_path, status=403))
    with pytest.raises(ProviderFailed):
        bench.provider.upload(sending(bench.spooled(LARGE)))
    left = len(bench.sandbox.state()["unfinished"])

    bench.provider.delete(URI)
    assert (left, bench.sandbox.state()) == (1, {"objects": [], "unfinished": []})


def test_who_may_not_list_parts_may_still_delete(bench: BedrockBench) -> None:
    bench.uploaded()
    bench.sandbox.inject(Fault("GET", "/sandbox-bucket/$", status=403))

    bench.provider.delete(URI)
    assert bench.stored() == {}


@pytest.mark.parametrize("filename", ["ä ö+%20~'()*!.pdf", "a&b=c?d#e.pdf", "名.pdf", "x" * 200])
def test_any_filename_comes_back(bench: BedrockBench, filename: str) -> None:
    remote_id = bench.uploaded(b"abc", filename=filename)
    content = b"".join(bench.provider.content(remote_id, "user_data"))
    bench.provider.delete(remote_id)

    assert (remote_id.rpartition("/")[2], content, bench.stored()) == (filename, b"abc", {})


@pytest.mark.parametrize("bucket", ["nobodys", "somebody-elses-bucket"])
def test_a_wrong_bucket_is_told(bench: BedrockBench, bucket: str) -> None:
    with pytest.raises(ProviderFailed) as caught:
        bench.adapter(s3_bucket_name=bucket).upload(sending(bench.spooled(b"abc")))

    assert caught.value.upstream_status == {"nobodys": 404, "somebody-elses-bucket": 403}[bucket]


@pytest.mark.parametrize("data", [b"abc", LARGE], ids=["one request", "parts"])
def test_a_bucket_has_its_own_credentials_and_key(bench: BedrockBench, data: bytes) -> None:
    """Under the names that LiteLLM gives them."""
    own = {"s3_access_key_id": DEFAULT_KEY, "s3_secret_access_key": DEFAULT_SECRET, "s3_encryption_key_id": "key-1"}
    adapter = bench.adapter(**own, aws_access_key_id="AKIAOFTHEMODELS00001")

    adapter.upload(sending(bench.spooled(data)))

    begun = bench.sandbox.requests[0].headers
    key = begun["x-amz-server-side-encryption-aws-kms-key-id"]
    assert (list(bench.stored()), begun["x-amz-server-side-encryption"], key) == ([URI], "aws:kms", "key-1")


@pytest.mark.parametrize("data", [b"abc", LARGE], ids=["one request", "parts"])
def test_without_tls_the_bytes_are_signed(bench: BedrockBench, data: bytes) -> None:
    bench.provider.upload(sending(bench.spooled(data)))

    signed = [one.headers["x-amz-content-sha256"] for one in bench.sandbox.requests if one.method == "PUT"]
    pieces = [data[at : at + 8 * MIB] for at in range(0, len(data), 8 * MIB)]
    assert signed == [hashlib.sha256(piece).hexdigest() for piece in pieces]


def test_tls_guards_the_bytes_alone(tmp_path: Path) -> None:
    """So they are read once, and sent while they arrive."""
    made = certificate(tmp_path)
    upstream = Upstream(environ={"SSL_CERT_FILE": str(made.path)})
    with serving(echo, made.context) as server, closing(upstream), Spool() as spool:
        spool.write(b"abc")
        spool.finish()
        params = {"s3_bucket_name": "bucket", "s3_endpoint_url": server.url, **KEYS}
        build(Account("bedrock:tls", "bedrock", params), upstream).upload(sending(spool))

    assert [one.headers["x-amz-content-sha256"] for one in server.received] == ["UNSIGNED-PAYLOAD"]
