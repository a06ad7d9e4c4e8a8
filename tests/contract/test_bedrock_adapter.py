"""Bedrock's adapter: uploads in parts, addresses, signatures, and how it finds its credentials."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.errors import ProviderFailed, SpoolBroken
from managed_files.providers.base import Provider
from managed_files.records import Account, Deployment
from managed_files.sandbox.bedrock import DEFAULT_KEY, DEFAULT_SECRET
from managed_files.sandbox.faults import Fault
from tests.contract.bench import FILE_ID, sending
from tests.contract.benches import BedrockBench

MIB = 1024 * 1024
LARGE = bytes(range(256)) * 4096 * 17  # 17 MiB: two parts and a rest
URI = f"s3://sandbox-bucket/shared/{FILE_ID}/paper.pdf"
AWS = "https://bedrock-runtime"


@pytest.fixture
def bench() -> Iterator[BedrockBench]:
    bench = BedrockBench()
    yield bench
    bench.close()


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine without any credentials of Amazon's, and without Amazon around it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return monkeypatch


def keyless(bench: BedrockBench, **changes: Any) -> Provider:
    """An adapter whose entry holds no key."""
    kept = {name: value for name, value in bench.params().items() if not name.startswith("aws_") or "endpoint" in name}
    return bench.built({**kept, "aws_region_name": bench.sandbox.region, **changes})


def asked(bench: BedrockBench) -> list[tuple[str, str]]:
    """Method and query of every request, ids left out."""
    return [(one.method, ",".join(sorted(one.query))) for one in bench.sandbox.requests]


# uploads


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


def test_an_entry_without_a_bucket_can_still_chat(bench: BedrockBench) -> None:
    adapter = bench.adapter(s3_bucket_name=None)
    with pytest.raises(ProviderFailed, match="s3_bucket_name"):
        adapter.planned_id(sending(bench.spooled(b"abc")))

    assert status(bench, adapter) == 200


# addresses


def chat_url(bench: BedrockBench, model: str, **params: Any) -> str:
    """Where a chat goes when no endpoint is given."""
    known = {"aws_region_name": "us-west-2", "aws_access_key_id": "k", "aws_secret_access_key": "s", **params}
    provider = bench.built(known)
    return provider.chat(Deployment("group", model, model, provider.account, known), stream=False).url


ARN = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0"


@pytest.mark.parametrize(
    ("model", "params", "url"),
    [
        ("a.b-v1:0", {}, f"{AWS}.us-west-2.amazonaws.com/model/a.b-v1%3A0/converse"),
        ("converse/a.b", {}, f"{AWS}.us-west-2.amazonaws.com/model/a.b/converse"),
        ("a.b", {"aws_region_name": "cn-north-1"}, f"{AWS}.cn-north-1.amazonaws.com.cn/model/a.b/converse"),
        (ARN, {}, f"{AWS}.eu-west-1.amazonaws.com/model/{ARN.replace(':', '%3A').replace('/', '%2F')}/converse"),
        ("a.b", {"api_base": "https://proxy/x/"}, "https://proxy/x/model/a.b/converse"),
    ],
)
def test_where_a_chat_goes(bench: BedrockBench, model: str, params: dict[str, Any], url: str) -> None:
    assert chat_url(bench, model, **params) == url


# credentials


def status(bench: BedrockBench, provider: Provider) -> int:
    """The status of a chat."""
    deployment = Deployment("group", "bedrock/m", bench.model, provider.account, provider.account.params)
    body = bench.chat_body(False)
    to = provider.signed(provider.chat(deployment, stream=False), body)
    return bench.upstream.send("POST", to.url, headers=to.headers, body=body).status_code


def test_an_api_key_needs_no_signature(bench: BedrockBench, no_aws: pytest.MonkeyPatch) -> None:
    assert status(bench, keyless(bench, api_key=next(iter(bench.sandbox.api_keys)))) == 200


def test_an_arn_is_signed_as_it_is_sent(bench: BedrockBench) -> None:
    bench.model = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"

    assert status(bench, bench.provider) == 200


def test_a_role_is_assumed_and_its_keys_are_kept(bench: BedrockBench) -> None:
    adapter = bench.adapter(
        aws_access_key_id=DEFAULT_KEY,
        aws_session_token=None,
        aws_role_name=bench.sandbox.role,
        aws_sts_endpoint=bench.sandbox.url,
    )
    told = [status(bench, adapter), status(bench, adapter)]

    assert (told, asked(bench)) == ([200, 200], [("POST", ""), ("POST", ""), ("POST", "")])


def test_keys_of_a_role_are_renewed(bench: BedrockBench) -> None:
    bench.sandbox.roles.life = timedelta(seconds=30)  # less than botocore wants to be left
    adapter = bench.adapter(
        aws_access_key_id=DEFAULT_KEY,
        aws_session_token=None,
        aws_role_name=bench.sandbox.role,
        aws_sts_endpoint=bench.sandbox.url,
    )
    told = [status(bench, adapter), status(bench, adapter)]

    assert (told, [one.path for one in bench.sandbox.requests].count("/")) == ([200, 200], 2)


def test_a_role_that_is_refused(bench: BedrockBench) -> None:
    adapter = bench.adapter(aws_role_name="arn:aws:iam::1:role/other", aws_sts_endpoint=bench.sandbox.url)

    with pytest.raises(ProviderFailed) as caught:
        status(bench, adapter)
    assert (caught.value.upstream_status, caught.value.http_status) == (403, 502)


def test_the_environment(bench: BedrockBench, no_aws: pytest.MonkeyPatch) -> None:
    no_aws.setenv("AWS_ACCESS_KEY_ID", DEFAULT_KEY)
    no_aws.setenv("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET)

    assert status(bench, keyless(bench)) == 200


def test_a_profile_with_its_region(bench: BedrockBench, no_aws: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile team]\nregion = us-east-1\n")
    (tmp_path / "credentials").write_text(
        f"[team]\naws_access_key_id = {DEFAULT_KEY}\naws_secret_access_key = {DEFAULT_SECRET}\n"
    )

    assert status(bench, keyless(bench, aws_profile_name="team", aws_region_name=None)) == 200


@pytest.mark.parametrize(
    ("changes", "remedy"),
    [
        ({}, "aws_access_key_id"),
        ({"aws_profile_name": "none"}, "aws_profile_name"),
        ({"aws_access_key_id": "k", "aws_secret_access_key": "s", "aws_region_name": None}, "aws_region_name"),
    ],
)
def test_what_is_missing_is_named(
    bench: BedrockBench, no_aws: pytest.MonkeyPatch, changes: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(ProviderFailed, match=remedy) as caught:
        status(bench, keyless(bench, **changes))
    assert caught.value.http_status == 502


def test_the_secret_key_is_in_no_repr(bench: BedrockBench) -> None:
    account: Account = bench.provider.account

    assert DEFAULT_SECRET not in f"{account!r} {bench.deployment()!r} {vars(bench.provider)!r}"


# the whole way


def test_a_stored_file_is_read_by_the_model(bench: BedrockBench) -> None:
    copy = bench.provider.upload(sending(bench.spooled(b"%PDF-1.7 hello")))
    part = bench.provider.resolve(copy, {"type": "file", "file": {"file_id": FILE_ID}})
    dialect = DIALECTS["converse"]
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, part]}]
    body = json.dumps(dialect.request({"messages": messages}, bench.model)).encode()
    to = bench.provider.signed(bench.provider.chat(bench.deployment(), stream=False), body)

    answer = bench.upstream.send("POST", to.url, headers=to.headers, body=body).json()
    said = dialect.response(answer, Exchange("chatcmpl-1", 1, "m"))["choices"][0]["message"]["content"]
    assert said.startswith("paper: document/pdf, 14 bytes, sha256 ")
