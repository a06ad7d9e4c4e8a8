"""Bedrock's files at moto, an S3 of other people's making, so that adapter and stand-in share no mistake."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from moto.server import ThreadedMotoServer

from managed_files.batch_records import Job, JobState
from managed_files.errors import ProviderFailed
from managed_files.providers import registry
from managed_files.providers.base import Provider
from managed_files.records import Account, Deployment
from managed_files.spool import Spool
from managed_files.upstream import Upstream
from tests.contract.bench import sending

LARGE = bytes(range(256)) * 4096 * 9  # 9 MiB: two parts
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
ANYBODY = {"aws_access_key_id": "anybody", "aws_secret_access_key": "anybody", "region_name": "us-east-1"}


@pytest.fixture(scope="module")
def entry() -> Iterator[dict[str, Any]]:
    """Parameters for moto's S3, which from now on checks keys, signatures and rights."""
    server = ThreadedMotoServer(port=0)
    server.start()
    url = "http://127.0.0.1:{1}".format(*server.get_host_and_port())
    iam, s3 = (boto3.client(service, endpoint_url=url, **ANYBODY) for service in ("iam", "s3"))
    s3.create_bucket(Bucket="bucket")
    iam.create_user(UserName="gateway")
    iam.put_user_policy(UserName="gateway", PolicyName="files", PolicyDocument=json.dumps(POLICY))
    key = iam.create_access_key(UserName="gateway")["AccessKey"]
    iam.close()
    s3.close()
    requests.post(f"{url}/moto-api/reset-auth", data="0", timeout=10).raise_for_status()
    yield {
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
        "aws_region_name": "us-east-1",
        "s3_bucket_name": "bucket/shared",
        "s3_endpoint_url": url,
    }
    requests.post(f"{url}/moto-api/reset-auth", data="inf", timeout=10)
    server.stop()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    made = Upstream(environ={})
    yield made
    made.close()


def adapter(params: dict[str, Any], upstream: Upstream, **changes: Any) -> Provider:
    return registry.build(Account("bedrock:moto", "bedrock", {**params, **changes}), upstream)


def spooled(data: bytes) -> Spool:
    spool = Spool()
    spool.write(data)
    spool.finish()
    return spool


@pytest.mark.parametrize("data", [b"", b"small", LARGE], ids=["empty", "small", "in parts"])
@pytest.mark.parametrize("filename", ["paper.pdf", "ä ö+%20~'()*!&=?#.pdf"])
def test_a_file_lives_and_dies(entry: dict[str, Any], upstream: Upstream, data: bytes, filename: str) -> None:
    provider = adapter(entry, upstream)
    with spooled(data) as spool:
        remote_id = provider.upload(sending(spool, filename=filename)).stored_id
    content = b"".join(provider.content(remote_id, "user_data"))
    provider.delete(remote_id)
    provider.delete(remote_id)
    with pytest.raises(ProviderFailed) as gone:
        provider.content(remote_id, "user_data")

    assert (hashlib.sha256(content).digest(), gone.value.upstream_status) == (hashlib.sha256(data).digest(), 404)


@pytest.mark.parametrize("changes", [{"aws_access_key_id": "AKIANOBODY"}, {"aws_secret_access_key": "wrong"}], ids=str)
def test_wrong_keys_are_refused(entry: dict[str, Any], upstream: Upstream, changes: dict[str, str]) -> None:
    with spooled(b"small") as spool, pytest.raises(ProviderFailed) as caught:
        adapter(entry, upstream, **changes).upload(sending(spool))

    assert (caught.value.upstream_status, caught.value.http_status) == (403, 502)


def test_a_list_of_what_is_below(entry: dict[str, Any], upstream: Upstream) -> None:
    provider = adapter(entry, upstream)
    api = provider.batches()
    assert api is not None
    part, deployment = "part-" + "m" * 32, Deployment("group", "bedrock/m", "m", provider.account, entry)
    names = ("a b&c.out", "é/x.out", "manifest.json.out")
    kept = stored(provider, f"batches/{part}0", "other.out")
    uris = [stored(provider, f"batches/{part}", name) for name in names]

    api.discard(part, deployment, Job("gone", JobState.COMPLETED))

    assert [is_there(provider, uri) for uri in (kept, *uris)] == [True, False, False, False]


def stored(provider: Provider, folder: str, name: str) -> str:
    """The address of a new object below the folder."""
    with spooled(b"x") as spool:
        return provider.upload(sending(spool, file_id=folder, filename=name)).stored_id


def is_there(provider: Provider, uri: str) -> bool:
    try:
        return b"".join(provider.content(uri, "batch")) == b"x"
    except ProviderFailed:
        return False
