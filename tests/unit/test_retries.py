"""What a failure says of the next attempt."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from managed_files.errors import Conflict, GatewayError, Inexpressible, InvalidRequest, ProviderFailed, Unavailable
from managed_files.services.retries import another_group_may_do, asked_to_wait, pause_before, too_long
from managed_files.services.routing import NO_COPY


def failed(status: int | None, message: str = "no", *, retryable: bool = True, **details: Any) -> ProviderFailed:
    return ProviderFailed("openai", message, upstream_status=status, retryable=retryable, **details)


@pytest.mark.parametrize("status", [None, 302, 401, 403, 404, 408, 429, 500, 503])
def test_another_deployment_is_tried_at_once(status: int | None) -> None:
    assert pause_before(0, failed(status, retryable=False, retry_after="60"), others=True) == 0.0


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_request_is_not_tried_again(status: int) -> None:
    failure = failed(status, retryable=False)
    assert [pause_before(0, failure, others=others) for others in (True, False)] == [None, None]


@pytest.mark.parametrize(("retry", "asked", "least"), [(0, None, 0.25), (2, None, 1.0), (0, "3", 3.0), (4, "3", 4.0)])
def test_alone_it_waits_longer_each_time_and_at_least_as_asked(retry: int, asked: str | None, least: float) -> None:
    pause = pause_before(retry, failed(429, retry_after=asked), others=False)
    assert pause is not None
    assert least <= pause <= least * 1.25


def test_a_client_does_not_wait_for_minutes() -> None:
    assert pause_before(0, failed(429, retry_after="11"), others=False) is None


def test_what_no_waiting_cures_is_not_waited_for() -> None:
    assert pause_before(0, failed(401, retryable=False), others=False) is None


def test_a_date_is_time_to_wait() -> None:
    asked = asked_to_wait(
        failed(429, retry_after=format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True))
    )
    assert 28 <= asked <= 30


@pytest.mark.parametrize("text", [None, "", "soon", "-1", "²", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_what_says_no_time_is_none(text: str | None) -> None:
    assert asked_to_wait(failed(429, retry_after=text)) == 0.0


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (400, "no", "context_length_exceeded"),
        (400, "This model's maximum context length is 128000 tokens.", None),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", None),
        (400, "Input is too long for requested model.", None),
        (400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", None),
        (400, "Prompt contains 40000 tokens, too large for model with 32768 maximum context length", None),
    ],
)
def test_providers_words_for_a_prompt_that_is_too_long(status: int, message: str, code: str | None) -> None:
    assert too_long(failed(status, message, code=code))


@pytest.mark.parametrize(
    ("error", "moves"),
    [
        (failed(503), True),
        (failed(None), True),
        (failed(404), True),
        (failed(429), True),
        (failed(302), True),
        (failed(400), False),
        (failed(400, "maximum context length"), True),
        (Unavailable("busy"), True),
        (Conflict("processing"), True),
        (InvalidRequest("no copy", code=NO_COPY), True),
        (InvalidRequest("wrong"), False),
        (Inexpressible("no word", param="n"), False),
    ],
    ids=str,
)
def test_when_a_fallback_is_asked(error: GatewayError, moves: bool) -> None:
    assert another_group_may_do(error) is moves
