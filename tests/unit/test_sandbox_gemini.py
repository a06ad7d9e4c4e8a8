"""The Gemini API's stand-in, driven by google-genai where it can say it, otherwise by plain HTTP."""

import base64
import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google import genai
from google.genai import errors, types

from managed_files.sandbox import GeminiSandbox
from managed_files.sandbox.gemini import DEFAULT_KEY

OTHER_KEY = "AIzaOther-0123456789"
PDF = b"%PDF-1.4 a paper"
MODEL = "gemini-2.0-flash"
UNIT = 256 << 10
HELLO = [{"role": "user", "parts": [{"text": "hello"}]}]
START = {
    "X-Goog-Upload-Protocol": "resumable",
    "X-Goog-Upload-Command": "start",
    "X-Goog-Upload-Header-Content-Length": "4",
    "X-Goog-Upload-Header-Content-Type": "text/plain",
}


@pytest.fixture(scope="module")
def running() -> Iterator[GeminiSandbox]:
    keys = {DEFAULT_KEY: "ours", OTHER_KEY: "theirs"}
    with GeminiSandbox(api_keys=keys, processing=1, max_file_bytes=4 * UNIT, max_request_bytes=2000) as server:
        yield server


@pytest.fixture
def sandbox(running: GeminiSandbox) -> GeminiSandbox:
    running.reset()
    return running


@pytest.fixture
def client(sandbox: GeminiSandbox) -> Iterator[genai.Client]:
    with genai.Client(api_key=DEFAULT_KEY, http_options=types.HttpOptions(base_url=sandbox.url)) as made:
        yield made


def sent(client: genai.Client, data: bytes = PDF, mime_type: str = "application/pdf", **config: str) -> types.File:
    return client.files.upload(file=io.BytesIO(data), config={"mime_type": mime_type, **config})


def call(server: GeminiSandbox, method: str, path: str, key: str | None = DEFAULT_KEY, **options: Any):
    headers = {**({"x-goog-api-key": key} if key else {}), **options.pop("headers", {})}
    return requests.request(method, server.url + path, headers=headers, timeout=10, **options)


def start(server: GeminiSandbox, file: Any = None, **changes: str) -> requests.Response:
    """`changes`: headers of the start, with `_` for the dash."""
    headers = START | {f"X-Goog-Upload-{name.replace('_', '-')}": value for name, value in changes.items()}
    return call(server, "POST", "/upload/v1beta/files", headers=headers, json={"file": file or {}})


def step(session: str, command: str, offset: int = 0, data: bytes = b"") -> tuple[int, str | None, str | None]:
    headers = {"X-Goog-Upload-Command": command, "X-Goog-Upload-Offset": str(offset)}
    answer = requests.post(session, data=data, headers=headers, timeout=10)
    told = answer.headers.get("X-Goog-Upload-Status"), answer.headers.get("X-Goog-Upload-Size-Received")
    return answer.status_code, *told


def opened(server: GeminiSandbox, size: int = 4) -> str:
    return start(server, Header_Content_Length=str(size)).headers["X-Goog-Upload-URL"]


def generate(server: GeminiSandbox, body: Any, key: str | None = DEFAULT_KEY, path: str = "") -> requests.Response:
    return call(server, "POST", path or f"/v1beta/models/{MODEL}:generateContent", key, json=body)


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["status"]


def document(uri: str, **more: str) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"fileData": {"fileUri": uri, **more}}]}]}


# What official clients see


def test_a_file_goes_up_and_is_answered_about(client):
    file = sent(client, display_name="paper.pdf")
    answer = client.models.generate_content(model=MODEL, contents=[file, "What is it?"])
    digest = hashlib.sha256(PDF).hexdigest()
    assert answer.text == (
        f"paper.pdf: application/pdf, 16 bytes, sha256 {digest}; it begins: %PDF-1.4 a paper\nYou said: What is it?"
    )


def test_the_resource(client):
    file = sent(client, name="files/my-paper", display_name="paper.pdf")
    told = (file.name, file.display_name, file.size_bytes, file.state, file.source, file.uri)
    life = file.expiration_time - file.create_time
    assert (told, life.total_seconds(), base64.b64decode(file.sha256_hash)) == (
        (
            "files/my-paper",
            "paper.pdf",
            16,
            types.FileState.ACTIVE,
            types.FileSource.UPLOADED,
            "https://generativelanguage.googleapis.com/v1beta/files/my-paper",
        ),
        48 * 3600,
        hashlib.sha256(PDF).digest(),
    )


def test_a_list_goes_over_pages(client):
    names = [sent(client, name=f"files/a{number}").name for number in range(5)]
    listed = [file.name for file in client.files.list(config={"page_size": 2})]
    assert listed == names[::-1]


def test_an_empty_list_has_no_files(sandbox):
    assert call(sandbox, "GET", "/v1beta/files").json() == {}


def test_a_video_is_processed_first(client):
    file = sent(client, mime_type="video/mp4")
    states = [file.state, *(client.files.get(name=file.name).state.value for _ in range(2))]
    assert states == ["PROCESSING", "PROCESSING", "ACTIVE"]


def test_a_file_that_is_deleted_may_not_exist(client):
    file = sent(client)
    client.files.delete(name=file.name)
    with pytest.raises(errors.ClientError, match="or it may not exist") as caught:
        client.files.get(name=file.name)
    assert (caught.value.code, caught.value.status) == (403, "PERMISSION_DENIED")


def test_a_name_cannot_be_taken_twice(client):
    sent(client, name="files/mine")
    with pytest.raises(errors.ClientError) as caught:
        sent(client, name="files/mine")
    assert (caught.value.code, caught.value.status) == (409, "ALREADY_EXISTS")


def test_a_stream_without_sse_is_an_array(sandbox):
    path = f"/v1/models/{MODEL}:streamGenerateContent"
    pieces = generate(sandbox, {"contents": HELLO}, path=path).json()
    refused = generate(sandbox, {"contents": []}, path=path)
    assert (len(pieces) > 1, refused.json()[0]["error"]["code"]) == (True, 400)


# Keys


@pytest.mark.parametrize(
    ("key", "expected"),
    [(None, (403, "PERMISSION_DENIED", [])), ("wrong", (400, "INVALID_ARGUMENT", ["API_KEY_INVALID"]))],
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1beta/files"), ("POST", f"/v1/models/{MODEL}:generateContent")]
)
def test_keys_are_checked(sandbox, key, expected, method, path):
    answer = call(sandbox, method, path, key, json={"contents": HELLO})
    reasons = [item["reason"] for item in answer.json()["error"].get("details", [])]
    assert (*refusal(answer), reasons) == expected


def test_a_key_may_stand_in_the_query(sandbox):
    assert call(sandbox, "GET", f"/v1beta/files?key={DEFAULT_KEY}", key=None).ok


def test_another_project_sees_nothing(sandbox, client):
    file = sent(client)
    listed = call(sandbox, "GET", "/v1beta/files", OTHER_KEY).json()
    used = generate(sandbox, document(file.uri), OTHER_KEY)
    deleted = call(sandbox, "DELETE", f"/v1beta/{file.name}", OTHER_KEY)
    denied = (403, "PERMISSION_DENIED")
    assert (listed, refusal(used), refusal(deleted), len(sandbox.files)) == ({}, denied, denied, 1)


# Prompts


def test_a_file_needs_no_mime_type(sandbox, client):
    assert generate(sandbox, document(sent(client).uri)).ok


@pytest.mark.parametrize("uri", ["files/mine", "gs://bucket/o", ""])
def test_files_are_named_by_their_uri(sandbox, uri):
    assert refusal(generate(sandbox, document(uri, mimeType="application/pdf"))) == (400, "INVALID_ARGUMENT")


def test_a_public_address_will_do(sandbox):
    assert generate(sandbox, document("https://example.com/a.pdf", mimeType="application/pdf")).ok


def test_a_file_in_processing_cannot_be_used(sandbox, client):
    file = sent(client, mime_type="video/mp4")
    assert refusal(generate(sandbox, document(file.uri))) == (400, "FAILED_PRECONDITION")


@pytest.mark.parametrize(
    "body",
    [
        {"contents": HELLO, "labels": {"team": "a"}},
        {"contents": [{"parts": [{"text": "x" * 3000}]}]},
        {"contents": [{"parts": [{"inlineData": {"mimeType": "application/zip", "data": "AAAA"}}]}]},
    ],
    ids=["labels", "too large", "zip"],
)
def test_bad_prompts(sandbox, body):
    assert refusal(generate(sandbox, body)) == (400, "INVALID_ARGUMENT")


def test_an_unknown_model(sandbox):
    answer = generate(sandbox, {"contents": HELLO}, path="/v1beta/models/gemini-0:generateContent")
    assert refusal(answer) == (404, "NOT_FOUND")


# Uploads


@pytest.mark.parametrize(
    ("file", "headers"),
    [
        ({}, {"Protocol": "raw"}),
        ({}, {"Command": "upload"}),
        ({}, {"Header_Content_Length": "many"}),
        ({}, {"Header_Content_Length": str(4 * UNIT + 1)}),
        ({"name": "files/Mine"}, {}),
        ({"name": "files/-mine"}, {}),
        ({"name": f"files/{'a' * 41}"}, {}),
        ({"displayName": "x" * 513}, {}),
        ({"shoe": 1}, {}),
    ],
)
def test_a_refused_start_has_no_address(sandbox, file, headers):
    answer = start(sandbox, file, **headers)
    assert (refusal(answer), "X-Goog-Upload-URL" in answer.headers) == ((400, "INVALID_ARGUMENT"), False)


def test_chunks_and_questions(sandbox):
    session = opened(sandbox, UNIT + 1)
    steps = [
        step(session, "query"),
        step(session, "upload", 0, bytes(UNIT)),
        step(session, "query"),
        step(session, "upload, finalize", UNIT, b"x"),
        step(session, "query"),
    ]
    size = str(UNIT + 1)
    assert steps == [
        (200, "active", "0"),
        (200, "active", None),
        (200, "active", str(UNIT)),
        (200, "final", None),
        (200, "final", size),
    ]


@pytest.mark.parametrize(
    ("command", "offset", "data"),
    [
        ("upload", 0, b"xy"),
        ("upload", 1, b"xy"),
        ("upload, finalize", 0, b"xyz"),
        ("upload, finalize", 0, b"xyz12"),
        ("dance", 0, b""),
        ("", 0, b""),
    ],
)
def test_wrong_chunks_change_nothing(sandbox, command, offset, data):
    session = opened(sandbox)
    refused = step(session, command, offset, data)[0]
    assert (refused, step(session, "query"), step(session, "upload, finalize", 0, b"1234")[:2]) == (
        400,
        (200, "active", "0"),
        (200, "final"),
    )


def test_a_cancelled_upload_stays_so(sandbox):
    session = opened(sandbox)
    steps = [step(session, command, 0, b"")[:2] for command in ("cancel", "query", "finalize")]
    assert (steps, len(sandbox.files)) == ([(200, "cancelled"), (200, "cancelled"), (400, None)], 0)


def test_an_unknown_session(sandbox):
    assert step(f"{sandbox.url}/upload/v1beta/files?upload_id=none", "query")[0] == 404


def test_files_end():
    with GeminiSandbox(file_life=-1) as server:
        session = opened(server)
        step(session, "upload, finalize", 0, b"1234")
        assert dict(server.files) == {}
