"""Vertex AI's addresses, names and MIME types."""

from contextlib import closing
from typing import Any

import pytest

from managed_files.errors import ProviderFailed
from managed_files.providers.vertex_ai import VertexAI
from managed_files.records import Account, Copy, CopyState, Deployment, Upload
from managed_files.sandbox.google import GoogleSandbox
from managed_files.spool import Spool
from managed_files.upstream import Upstream

P = "projects/p"


def adapter(upstream: Upstream | None = None, **params: Any) -> VertexAI:
    account = Account("a", "vertex_ai", {"gcs_bucket_name": "b", **params})
    return VertexAI(account, upstream or Upstream(environ={}))


@pytest.mark.parametrize(
    ("location", "model", "url"),
    [
        (
            "us-central1",
            "m",
            f"https://us-central1-aiplatform.googleapis.com/v1/{P}/locations/us-central1/publishers/google/models/m:",
        ),
        ("global", "m", f"https://aiplatform.googleapis.com/v1/{P}/locations/global/publishers/google/models/m:"),
        ("eu", "m", f"https://aiplatform.eu.rep.googleapis.com/v1/{P}/locations/eu/publishers/google/models/m:"),
        ("us", "m", f"https://aiplatform.us.rep.googleapis.com/v1/{P}/locations/us/publishers/google/models/m:"),
        (None, "42", f"https://us-central1-aiplatform.googleapis.com/v1/{P}/locations/us-central1/endpoints/42:"),
    ],
)
@pytest.mark.parametrize(("stream", "method"), [(False, "generateContent"), (True, "streamGenerateContent?alt=sse")])
def test_where_a_chat_call_goes(location: str | None, model: str, url: str, stream: bool, method: str) -> None:
    with GoogleSandbox() as google:
        upstream = Upstream(environ={})
        provider = adapter(upstream, vertex_credentials=google.service_account_info())
        params = {"vertex_project": "p", "vertex_location": location}
        endpoint = provider.chat(Deployment("g", "t", model, provider.account, params), stream=stream)
        upstream.close()

    assert endpoint.url == url + method


def test_the_project_may_come_from_the_credential() -> None:
    with GoogleSandbox() as google:
        upstream = Upstream(environ={})
        provider = adapter(upstream, vertex_credentials=google.service_account_info())
        endpoint = provider.chat(Deployment("g", "t", "m", provider.account, {"api_base": "http://h/"}), stream=False)
        upstream.close()

    place = f"projects/{google.project}/locations/us-central1"
    assert endpoint.url == f"http://h/v1/{place}/publishers/google/models/m:generateContent"


def test_more_headers_go_with_a_chat() -> None:
    with GoogleSandbox() as google, closing(Upstream(environ={})) as upstream:
        provider = adapter(upstream, vertex_credentials=google.service_account_info())
        params = {"extra_headers": {"X-Vertex-AI-LLM-Request-Type": "shared", "X-Number": 1}}
        headers = provider.chat(Deployment("g", "t", "m", provider.account, params), stream=False).headers

    assert {**headers, "Authorization": "…"} == {
        "Authorization": "…",
        "X-Vertex-AI-LLM-Request-Type": "shared",
        "X-Number": "1",
        "Content-Type": "application/json",
    }


@pytest.mark.parametrize(
    ("bucket", "uri"),
    [
        ("b", "gs://b/file-1/a.pdf"),
        ("b/", "gs://b/file-1/a.pdf"),
        ("b/x/y", "gs://b/x/y/file-1/a.pdf"),
        ("gs://b/x/", "gs://b/x/file-1/a.pdf"),
    ],
)
def test_the_remote_id_is_chosen_before_the_upload(bucket: str, uri: str) -> None:
    with Spool() as spool:
        upload = Upload("file-1", "a.pdf", "application/pdf", "user_data", spool)

        assert adapter(gcs_bucket_name=bucket).planned_id(upload) == uri


def test_an_emulators_address_may_lack_its_scheme() -> None:
    with GoogleSandbox() as google:
        upstream = Upstream(environ={})
        host = google.url.removeprefix("http://")
        provider = adapter(upstream, vertex_credentials=google.service_account_info(), storage_endpoint=host)
        provider.delete(f"gs://{google.bucket}/gone/a b.pdf")
        upstream.close()

    assert google.requests[-1].path == f"/storage/v1/b/{google.bucket}/o/gone%2Fa%20b.pdf"


def test_a_part_tells_the_stored_type() -> None:
    copy = Copy("file-1", "a", "vertex_ai", CopyState.READY, "gs://b/o", "audio/wav")

    part = adapter().resolve(copy, {"type": "file", "file": {"file_id": "file-1"}})

    assert part == {"type": "file", "file": {"file_id": "gs://b/o", "format": "audio/wav"}}


def test_the_clients_own_format_wins() -> None:
    copy = Copy("file-1", "a", "vertex_ai", CopyState.READY, "gs://b/o", "text/csv")

    part = adapter().resolve(copy, {"type": "file", "file": {"file_id": "file-1", "format": "text/html"}})

    assert part["file"]["format"] == "text/html"


def test_chats_need_no_bucket_and_files_are_told_what_is_missing() -> None:
    without = adapter(gcs_bucket_name=None)
    with pytest.raises(ProviderFailed, match="Set gcs_bucket_name in the entry") as refused, Spool() as spool:
        without.planned_id(Upload("file-mf-x", "a.pdf", "application/pdf", "user_data", spool))
    assert refused.value.http_status == 400
