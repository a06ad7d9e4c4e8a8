"""Bedrock's adapter: addresses, signatures, how it finds its credentials, errors, the whole way of a file."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.errors import ProviderFailed
from managed_files.providers.base import Provider
from managed_files.providers.wire import Wire
from managed_files.records import Account, Deployment
from managed_files.sandbox.bedrock import DEFAULT_KEY, DEFAULT_SECRET
from managed_files.sandbox.faults import Fault
from tests.contract.bench import FILE_ID, sending
from tests.contract.benches import BedrockBench

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
        ("eu-central-1/a.b", {}, f"{AWS}.eu-central-1.amazonaws.com/model/a.b/converse"),
        ("converse/us-gov-west-1/a.b", {}, f"{AWS}.us-gov-west-1.amazonaws.com/model/a.b/converse"),
        ("eu-central-1/mine/a.b", {}, f"{AWS}.eu-central-1.amazonaws.com/model/mine%2Fa.b/converse"),
        ("a.b", {"api_base": "https://proxy/x/"}, "https://proxy/x/model/a.b/converse"),
    ],
)
def test_where_a_chat_goes(bench: BedrockBench, model: str, params: dict[str, Any], url: str) -> None:
    assert chat_url(bench, model, **params) == url


# credentials


def test_an_entry_without_a_bucket_can_still_chat(bench: BedrockBench) -> None:
    adapter = bench.adapter(s3_bucket_name=None)
    with pytest.raises(ProviderFailed, match="s3_bucket_name"):
        adapter.planned_id(sending(bench.spooled(b"abc")))

    assert status(bench, adapter) == 200


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


def test_a_region_in_the_models_name_is_signed_for(bench: BedrockBench) -> None:
    bench.model = f"{bench.sandbox.region}/us.amazon.nova-lite-v1:0"

    assert status(bench, bench.adapter(aws_region_name="eu-central-1")) == 200


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


@pytest.mark.parametrize(
    ("said", "status_", "kind", "told"),
    [
        (429, 429, "ThrottlingException", (True, "ThrottlingException")),
        (429, 429, "ModelNotReadyException", (True, "ModelNotReadyException")),
        (408, 504, "ModelTimeoutException", (True, "ModelTimeoutException")),
        (424, 502, "ModelErrorException", (True, "ModelErrorException")),
        (400, 400, "ServiceQuotaExceededException", (False, "ServiceQuotaExceededException")),
        (403, 502, "AccessDeniedException", (False, "provider_credentials_refused")),
    ],
)
def test_errors_of_bedrock(bench: BedrockBench, said: int, status_: int, kind: str, told: tuple[bool, str]) -> None:
    headers = {"x-amzn-ErrorType": f"{kind}:http://internal.amazon.com/"}
    bench.sandbox.inject(Fault("POST", "/model/", status=said, headers=headers))
    to = bench.provider.signed(bench.provider.chat(bench.deployment(), stream=False), b"{}")

    with pytest.raises(ProviderFailed) as caught:
        Wire("bedrock", bench.upstream, 10).send("POST", to.url, headers=to.headers, body=b"{}")
    assert (caught.value.http_status, (caught.value.retryable, caught.value.code)) == (status_, told)
