"""Cloud Storage's stand-in, over plain HTTP."""

import base64
import hashlib
import http.client
import json
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.sandbox import Fault, GoogleSandbox

UNIT = 256 * 1024
DATA = bytes(range(256)) * (UNIT // 256) * 2 + b"the end"


@pytest.fixture(scope="module")
def running() -> Iterator[GoogleSandbox]:
    with GoogleSandbox(buckets=("bucket", "second")) as server:
        yield server


@pytest.fixture
def sandbox(running: GoogleSandbox) -> GoogleSandbox:
    running.reset()
    return running


class Storage:
    """What a client of Cloud Storage sends."""

    def __init__(self, server: GoogleSandbox):
        self.base = server.url
        self.headers = {"Authorization": f"Bearer {server.tokens.issue()}"}

    def call(self, method: str, path: str, **options) -> requests.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        return requests.request(method, self.base + path, headers=headers, timeout=10, **options)

    def put(self, name: str, data: bytes = b"data", bucket: str = "bucket", more: str = "") -> requests.Response:
        path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}{more}"
        return self.call("POST", path, data=data, headers={"Content-Type": "text/plain"})

    def start(self, name: str, more: str = "", **headers: str) -> str:
        path = f"/upload/storage/v1/b/bucket/o?uploadType=resumable{more}"
        meta = {"name": name, "metadata": {"purpose": "user_data"}}
        return self.call("POST", path, json=meta, headers=headers).headers["Location"]

    def names(self, query: str = "") -> list[str]:
        return [item["name"] for item in self.call("GET", f"/storage/v1/b/bucket/o{query}").json().get("items", [])]


def send(session: str, data: bytes, content_range: str | None) -> requests.Response:
    headers = {} if content_range is None else {"Content-Range": content_range}
    return requests.put(session, data=data, headers=headers, timeout=10, allow_redirects=False)


@pytest.fixture
def storage(sandbox: GoogleSandbox) -> Storage:
    return Storage(sandbox)


def test_resumable_upload_of_unknown_length(sandbox, storage):
    session = storage.start("a/ü x+y.txt")
    answers = [
        send(session, DATA[:UNIT], f"bytes 0-{UNIT - 1}/*"),
        send(session, DATA[UNIT:], f"bytes {UNIT}-{len(DATA) - 1}/{len(DATA)}"),
    ]
    stored = sandbox.objects["gs://bucket/a/ü x+y.txt"]
    assert (
        [answer.status_code for answer in answers],
        answers[0].headers["Range"],
        answers[1].json()["size"],
        dict(stored.metadata),
        stored.blob.read() == DATA,
    ) == ([308, 200], f"bytes=0-{UNIT - 1}", str(len(DATA)), {"purpose": "user_data"}, True)


def test_resource_tells_the_digest(storage):
    resource = storage.put("x", DATA).json()
    assert base64.b64decode(resource["md5Hash"]) == hashlib.md5(DATA, usedforsecurity=False).digest()


def test_status_before_and_after_a_chunk(storage):
    session = storage.start("x")
    before = send(session, b"", "bytes */*")
    send(session, DATA[:UNIT], f"bytes 0-{UNIT - 1}/*")
    after = send(session, b"", "bytes */*")
    assert [(one.status_code, one.headers.get("Range")) for one in (before, after)] == [
        (308, None),
        (308, f"bytes=0-{UNIT - 1}"),
    ]


def test_finishing_with_an_empty_request(sandbox, storage):
    session = storage.start("x")
    send(session, DATA[:UNIT], f"bytes 0-{UNIT - 1}/*")
    answer = send(session, b"", f"bytes */{UNIT}")
    assert (answer.status_code, sandbox.objects["gs://bucket/x"].bytes) == (200, UNIT)


def test_empty_object(sandbox, storage):
    answer = send(storage.start("x"), b"", "bytes */0")
    assert (answer.status_code, sandbox.objects["gs://bucket/x"].bytes) == (200, 0)


def test_whole_body_chunked_without_range(sandbox, storage):
    answer = requests.put(storage.start("x"), data=iter([b"one", b"two"]), timeout=10)
    assert (answer.status_code, sandbox.objects["gs://bucket/x"].blob.read()) == (200, b"onetwo")


def test_chunk_that_is_no_multiple_is_refused_and_not_kept(storage):
    session = storage.start("x")
    refused = send(session, DATA[:1000], "bytes 0-999/*")
    status = send(session, b"", "bytes */*")
    assert (refused.status_code, status.status_code, "Range" in status.headers) == (400, 308, False)


def test_gap_is_refused(storage):
    assert send(storage.start("x"), DATA[:UNIT], f"bytes {UNIT}-{2 * UNIT - 1}/*").status_code == 503


def test_bytes_sent_twice_are_stored_once(sandbox, storage):
    session = storage.start("x")
    send(session, DATA[:UNIT], f"bytes 0-{UNIT - 1}/*")
    send(session, DATA, f"bytes 0-{len(DATA) - 1}/{len(DATA)}")
    assert sandbox.objects["gs://bucket/x"].blob.read() == DATA


def test_total_that_changes_is_refused(storage):
    session = storage.start("x", **{"X-Upload-Content-Length": "10"})
    assert send(session, b"short", "bytes 0-4/5").status_code == 400


def test_finished_upload_answers_again(storage):
    session = storage.start("x")
    send(session, b"all", "bytes 0-2/3")
    assert send(session, b"", "bytes */*").json()["size"] == "3"


def test_cancelled_upload_is_over(sandbox, storage):
    session = storage.start("x")
    cancelled = requests.delete(session, timeout=10)
    assert (cancelled.status_code, send(session, b"", "bytes */*").status_code, dict(sandbox.objects)) == (499, 499, {})


def test_failure_in_the_middle_then_resume(sandbox, storage):
    session = storage.start("x")
    sandbox.inject(Fault(method="PUT", path="/upload/", status=503))
    failed = send(session, DATA[:UNIT], f"bytes 0-{UNIT - 1}/*")
    send(session, DATA, f"bytes 0-{len(DATA) - 1}/{len(DATA)}")
    assert (failed.status_code, sandbox.objects["gs://bucket/x"].bytes) == (503, len(DATA))


def test_cut_in_the_middle_keeps_whole_units(sandbox, storage):
    session = storage.start("x")
    parts = urlsplit(session)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.putrequest("PUT", f"{parts.path}?{parts.query}")
    connection.putheader("Content-Length", str(len(DATA)))
    connection.endheaders(DATA[: UNIT + 1000])
    sandbox.wait_for(lambda recorded: recorded.size == UNIT + 1000)
    connection.close()
    sandbox.wait_for(lambda recorded: recorded.error is not None)
    assert send(session, b"", "bytes */*").headers["Range"] == f"bytes=0-{UNIT - 1}"


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 2), max_size=3), st.integers(0, UNIT), st.booleans())
def test_any_cutting_into_chunks_stores_the_same(running, units, rest, asks):
    total = sum(units) * UNIT + rest
    data = (DATA * 4)[:total]
    session, start = Storage(running).start("x"), 0
    for count in units:
        end = start + count * UNIT
        send(session, data[start:end], f"bytes {start}-{end - 1}/{total if asks and end < total else '*'}")
        start = end
    send(session, data[start:], f"bytes {start}-{total - 1}/{total}" if rest else f"bytes */{total}")
    assert running.objects["gs://bucket/x"].blob.read() == data


def test_multipart_upload(sandbox, storage):
    meta = json.dumps({"name": "m", "metadata": {"a": "b"}}).encode()
    body = (
        b"--x\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
        + meta
        + b"\r\n--x\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/related; boundary=x"}
    storage.call("POST", "/upload/storage/v1/b/bucket/o?uploadType=multipart", data=body, headers=headers)
    stored = sandbox.objects["gs://bucket/m"]
    assert (stored.blob.read(), stored.content_type, dict(stored.metadata)) == (
        b"\x89PNG\r\n",
        "image/png",
        {"a": "b"},
    )


def test_list_pages_under_a_prefix(storage):
    for name in ("a/1", "a/2", "a/3", "b/1"):
        storage.put(name)
    first = storage.call("GET", "/storage/v1/b/bucket/o?prefix=a/&maxResults=2").json()
    rest = storage.names(f"?prefix=a/&maxResults=2&pageToken={quote(first['nextPageToken'], safe='')}")
    assert ([item["name"] for item in first["items"]], rest) == (["a/1", "a/2"], ["a/3"])


def test_empty_list_has_no_items(storage):
    assert storage.call("GET", "/storage/v1/b/bucket/o").json() == {"kind": "storage#objects"}


@pytest.mark.parametrize(
    ("header", "status", "content"),
    [({}, 200, b"0123456789"), ({"Range": "bytes=2-4"}, 206, b"234"), ({"Range": "bytes=-3"}, 206, b"789")],
)
def test_download(storage, header, status, content):
    storage.put("a/b", b"0123456789")
    answer = storage.call("GET", "/storage/v1/b/bucket/o/a%2Fb?alt=media", headers=header)
    assert (answer.status_code, answer.content) == (status, content)


def test_delete_is_empty_and_then_404(storage):
    storage.put("x")
    answers = [storage.call("DELETE", "/storage/v1/b/bucket/o/x") for _ in range(2)]
    assert [(one.status_code, one.content[:8]) for one in answers] == [(204, b""), (404, b'{"error"')]


def test_create_only(storage):
    answers = [storage.put("x", more="&ifGenerationMatch=0") for _ in range(2)]
    assert [one.status_code for one in answers] == [200, 412]


def test_error_shape(storage):
    answer = storage.call("GET", "/storage/v1/b/bucket/o/x")
    message = "No such object: bucket/x"
    reasons = [{"message": message, "domain": "global", "reason": "notFound"}]
    assert answer.json() == {"error": {"code": 404, "message": message, "errors": reasons}}


@pytest.mark.parametrize(("bucket", "status"), [("nowhere", 404), ("somebody-elses-bucket", 403)])
def test_other_buckets(storage, bucket, status):
    assert storage.put("x", bucket=bucket).status_code == status


def test_no_token(sandbox):
    answer = requests.get(f"{sandbox.url}/storage/v1/b/bucket/o", timeout=10)
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (401, "authError")


def test_expired_token(sandbox, storage):
    sandbox.tokens.expire_tokens()
    assert storage.put("x").status_code == 401
