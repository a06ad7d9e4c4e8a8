"""What a provider's refusal means to us: status, whether to repeat, when, and in which words."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from managed_files.errors import ProviderFailed, UpstreamError
from managed_files.providers.failures import no_answer, refusal

HEADERS: CaseInsensitiveDict[str] = CaseInsensitiveDict()


def refused(status: int, body: Any = None, headers: dict[str, str] | None = None, **more: Any) -> ProviderFailed:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return refusal("acme", status, CaseInsensitiveDict(headers or {}), text, **more)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"error": {"message": "too long", "type": "x", "param": None, "code": None}}, "too long"),
        ([{"error": {"code": 400, "message": "bad uri", "status": "INVALID_ARGUMENT"}}], "bad uri"),
        ({"error": "model not found"}, "model not found"),
        ({"error": "invalid_grant", "error_description": "expired"}, "expired"),
        ({"object": "error", "message": "no such part"}, "no such part"),
        ({"statusCode": 404, "message": "Resource not found"}, "Resource not found"),
        ({"Message": "denied"}, "denied"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"detail": [{"loc": ["body", "file"], "msg": "Field required"}]}, "body.file: Field required"),
        (b"<?xml version='1.0'?><Error><Code>X</Code><Message>No bucket</Message></Error>", "No bucket"),
        (b"plain\n  words", "plain words"),
        (b"<html><body>nginx</body></html>", "Bad Request"),
        (b"", "Bad Request"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ({}, "Bad Request"),
        ([], "[]"),
    ],
)
def test_the_message_is_found_in_every_known_shape(body: Any, message: str) -> None:
    error = refused(400, body)

    assert error.message == f"acme answered 400: {message}"


@pytest.mark.parametrize(
    ("status", "body", "seen", "http_status", "retryable"),
    [
        (400, {}, 400, 400, False),
        (401, {}, 401, 502, False),
        (403, {}, 403, 502, False),
        (404, {}, 404, 404, False),
        (408, {}, 408, 504, True),
        (409, {}, 409, 409, True),
        (413, {}, 413, 413, False),
        (422, {}, 422, 422, False),
        (424, {}, 502, 502, True),
        (429, {}, 429, 429, True),
        (429, {"error": {"type": "insufficient_quota"}}, 429, 429, False),
        (429, {"error": {"code": "credit_balance_exhausted"}}, 429, 429, False),
        (498, {}, 429, 429, True),
        (400, {"error": {"details": [{"reason": "API_KEY_INVALID"}]}}, 401, 502, False),
        (500, {}, 500, 502, True),
        (501, {}, 501, 502, False),
        (503, {}, 503, 502, True),
        (504, {}, 504, 504, True),
        (529, {}, 529, 503, True),
        (302, {}, 302, 502, False),
    ],
)
def test_the_status_decides(status: int, body: Any, seen: int, http_status: int, retryable: bool) -> None:
    error = refused(status, body)

    assert (error.upstream_status, error.http_status, error.retryable) == (seen, http_status, retryable)


@pytest.mark.parametrize(
    ("headers", "details", "seconds"),
    [
        ({"Retry-After": "7"}, [], "7"),
        ({"retry-after": "1.2"}, [], "2"),
        ({"Retry-After": "7", "retry-after-ms": "1500"}, [], "2"),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, [], "Wed, 21 Oct 2026 07:28:00 GMT"),
        ({}, [{"@type": "QuotaFailure"}, {"@type": "RetryInfo", "retryDelay": "34.1s"}], "35"),
        ({"Retry-After": "7"}, [{"retryDelay": "34s"}], "7"),
        ({"Retry-After": "Fri, 27 Nov 2026 23:00:00 GMT\1"}, [], None),
        ({"Retry-After": "Fri, 27 Nov 2026 23:00:00 +99999999999999999"}, [], None),
        ({"Retry-After": "soon"}, [{"retryDelay": "later"}], None),
        ({}, [], None),
    ],
)
def test_retry_after_comes_from_headers_or_google_details(headers: Any, details: Any, seconds: str | None) -> None:
    error = refused(429, {"error": {"details": details}}, headers)

    assert error.retry_after == seconds


@pytest.mark.parametrize(("advice", "retryable"), [("true", True), ("false", False)])
def test_the_providers_own_advice_wins(advice: str, retryable: bool) -> None:
    error = refused(500 if not retryable else 400, {}, {"X-Should-Retry": advice})

    assert error.retryable is retryable


def test_code_and_param_are_relayed() -> None:
    error = refused(400, {"error": {"message": "m", "code": "content_filter", "param": "prompt"}})

    assert (error.code, error.param) == ("content_filter", "prompt")


def test_our_credentials_are_not_the_clients() -> None:
    error = refused(401, {"error": {"message": "m", "code": "invalid_api_key", "param": "key"}})

    assert (error.code, error.param) == ("provider_credentials_refused", None)


@pytest.mark.parametrize(
    "secret", ["my-own-gateway-key", "ya29.a0Aa4xrXNq", "sk-proj-abc*****wxyz", "eyJhbGciOi.J9.x_y"]
)
def test_no_credential_is_quoted(secret: str) -> None:
    error = refused(400, {"error": {"message": f"Incorrect key: {secret}."}}, secrets=["my-own-gateway-key"])

    assert secret.rstrip(".") not in error.message


@pytest.mark.parametrize(
    ("kind", "sent", "expected"),
    [
        ("refused", False, ("acme could not be reached.", 502, True, False)),
        ("timeout", True, ("acme did not answer in time.", 504, True, True)),
        ("cut", True, ("acme closed the connection before its answer was complete.", 502, True, True)),
    ],
)
def test_silence_is_a_failure_too(kind: Any, sent: bool, expected: tuple[str, int, bool, bool]) -> None:
    error = no_answer("acme", UpstreamError(kind, "secret host", sent=sent))

    assert (error.message, error.http_status, error.retryable, error.ambiguous) == expected


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "error",
                    "message",
                    "detail",
                    "details",
                    "code",
                    "status",
                    "type",
                    "param",
                    "reason",
                    "retryDelay",
                    "loc",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(status=st.integers(300, 599), body=st.binary(max_size=60) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_no_body_breaks_the_translation(status: int, body: bytes) -> None:
    error = refusal("acme", status, HEADERS, body)

    assert error.message.startswith("acme answered ")
