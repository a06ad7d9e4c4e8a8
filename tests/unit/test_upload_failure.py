"""One error for an upload with several targets."""

import pytest

from managed_files.errors import GatewayError, ProviderFailed, SpoolBroken, Unavailable
from managed_files.fanout import Outcome
from managed_files.records import Account, Copy, CopyState, Deployment
from managed_files.services.attempt import failure

COPY = Copy("file-mf-x", "one", "openai", CopyState.READY, "remote")
DEPLOYMENTS = [
    Deployment(group, group, group, Account(account, "openai", {}), {})
    for group, account in (("gpt", "one"), ("gpt-big", "one"), ("gemini", "two"))
]
STORED = Outcome(value=COPY)


def failed(status: int | None, *, retryable: bool = False, **more: str) -> Outcome[Copy]:
    error = ProviderFailed("openai", f"openai answered {status}: no", upstream_status=status, retryable=retryable)
    error.retry_after = more.get("retry_after")
    return Outcome(error=error)


def test_names_every_target_and_what_became_of_it() -> None:
    error = failure({"one": STORED, "two": failed(413)}, DEPLOYMENTS)
    assert (error.http_status, error.message) == (
        413,
        "The file was not stored. gpt, gpt-big: was stored, and is deleted again; gemini: openai answered 413: no",
    )


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_a_failure_that_no_repeat_mends_leads(order: tuple[str, str]) -> None:
    outcomes = {"one": failed(503, retryable=True, retry_after="7"), "two": failed(400)}
    error = failure({name: outcomes[name] for name in order}, DEPLOYMENTS)
    assert (error.http_status, error.should_retry, error.retry_after) == (400, False, None)


def test_a_failure_that_may_pass_keeps_its_retry_after() -> None:
    error = failure({"one": STORED, "two": failed(429, retryable=True, retry_after="7")}, DEPLOYMENTS)
    assert (error.http_status, error.should_retry, error.retry_after) == (429, None, "7")


def test_a_broken_body_is_the_clients_and_comes_first() -> None:
    broken = SpoolBroken("The request body ended before the form was complete.")
    assert failure({"one": failed(500), "two": Outcome(error=broken)}, DEPLOYMENTS) is broken


@pytest.mark.parametrize("error", [KeyError("/secret/path"), GatewayError("The upload lost its lease.")])
def test_our_own_failure_is_unavailable_and_tells_no_internals(error: Exception) -> None:
    told = failure({"one": STORED, "two": Outcome(error=error)}, DEPLOYMENTS)
    assert (type(told), "/secret" in told.message) == (Unavailable, False)
