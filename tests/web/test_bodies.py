"""Bodies of JSON: what cannot be read is told apart, and nothing large is read for a small request."""

import pytest

from tests.gateway import Bench

ROUTES = ["/batches", "/key/generate", "/key/delete", "/chat/completions"]
JSON = "application/json"


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("content_type", "body", "status", "told"),
    [
        ("text/plain", b"{}", 415, "Content-Type: application/json"),
        (JSON, b"{bad", 400, "is not JSON."),
        (JSON, b'{"a": NaN}', 400, "is not JSON."),
        (JSON, b"\xff{}", 400, "is not JSON."),
        (JSON, b"", 400, "is not JSON."),
        (JSON, b"null", 400, "is not a JSON object."),
        (JSON, b"[" * 100_000, 400, "deep"),
    ],
)
def test_a_body_that_is_no_json_object_is_told(
    bench: Bench, path: str, content_type: str, body: bytes, status: int, told: str
) -> None:
    answer = bench.call("POST", path, data=body, content_type=content_type)
    assert (answer.status_code, told in answer.get_json()["error"]["message"]) == (status, True), answer.text


@pytest.mark.parametrize("path", [path for path in ROUTES if path != "/chat/completions"])
def test_more_than_a_small_request_needs_is_not_read(bench: Bench, path: str) -> None:
    answer = bench.call("POST", path, data=b" " * (1024 * 1024) + b"{}", content_type=JSON)
    assert answer.status_code == 413
