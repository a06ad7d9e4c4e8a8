"""What becomes of a part after a step that failed, for every kind of failure and every state."""

from typing import Any

import pytest

from managed_files.batch_records import Job, JobState, Part, Place
from managed_files.errors import ConfigError, InvalidRequest, ProviderFailed
from managed_files.services.batches.setbacks import Again, GivenUp, Over, Verdict, verdict

PAUSE = 2.0
PASSING = ProviderFailed("p", "later", retryable=True)
FINAL = ProviderFailed("p", "no", upstream_status=400)
FULL = ProviderFailed("p", "full", upstream_status=429, retryable=True)
BROKEN = ProviderFailed("p", "broken", upstream_status=500, retryable=True)
UNCLEAR = ProviderFailed("p", "lost", retryable=True, ambiguous=True)
OUR_KEY = ProviderFailed("p", "key", upstream_status=401)
OURS = "The gateway failed at this part of the batch."


def part(state: str, attempts: int = 1, results: str = "none", **fields: Any) -> Part:
    job = None if state == "waiting" else Job("job", JobState(state))
    usual: dict[str, Any] = {"unsure": False, "searched_at": None, "created_at": 0, "window": 86_400, "owner": "o"}
    more: dict[str, Any] = {"team": None, "cancelling": False, "overdue": False, "job": job, "error": None}
    return Part(
        id="part", batch_id="batch", number=0, place=Place("g", "d", "a", "p"), file_id="file", input=0,
        stored_as=None, endpoint="/v1/chat/completions", lines=1, state=state, results=results, attempts=attempts,
        **{**usual, **more, **fields},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("failed", "failure", "expected"),
    [
        (part("waiting"), PASSING, Again("later", 4.0, sure=True)),
        (part("waiting", 3), PASSING, Again("later", 16.0, sure=True)),
        (part("waiting", 149), PASSING, Again("later", 600.0, sure=True)),
        (part("waiting", 150), PASSING, Over("later")),
        (part("waiting", 149), FULL, Again("full", 600.0, sure=True)),
        (part("waiting", 7), BROKEN, Again("broken", 256.0, sure=True)),
        (part("waiting", 8), BROKEN, Over("broken")),
        (part("waiting"), FINAL, Over("no")),
        (part("waiting"), UNCLEAR, Again("lost", 4.0)),
        (part("waiting", 50), UNCLEAR, Again("lost", 600.0)),
        (part("waiting", 149, overdue=True), UNCLEAR, Again("lost", 600.0)),
        (part("waiting", 150, overdue=True), UNCLEAR, GivenUp("lost")),
        (part("waiting"), InvalidRequest("bad"), Over("bad")),
        (part("waiting"), ConfigError("missing"), Again("missing", 600.0)),
        (part("waiting", overdue=True), ConfigError("missing"), Over("missing")),
        (part("waiting", 8), ValueError("bug"), GivenUp(OURS)),
        (part("in_progress"), FINAL, Again("no", 4.0)),
        (part("in_progress", 200), FINAL, Again("no", 600.0)),
        (part("in_progress", 8, overdue=True), FINAL, GivenUp("no")),
        (part("in_progress", 149, overdue=True), OUR_KEY, Again("key", 600.0)),
        (part("in_progress", 150, overdue=True), OUR_KEY, GivenUp("key")),
        (part("completed", 7), FINAL, Again("no", 256.0)),
        (part("completed", 8), FINAL, GivenUp("no")),
        (part("completed", 8), PASSING, Again("later", 512.0)),
        (part("completed", 150), PASSING, GivenUp("later")),
        (part("completed", 1, overdue=True), ConfigError("missing"), Again("missing", 600.0)),
        (part("completed", 150, overdue=True), ConfigError("missing"), GivenUp("missing")),
        (part("completed", 8), ValueError("bug"), GivenUp(OURS)),
        (part("completed", 500, "deleting"), FINAL, Again("no", 600.0)),
        (part("completed", 500, "deleting"), ValueError("bug"), Again(OURS, 600.0)),
        (part("completed", 500, "deleting", overdue=True), ConfigError("missing"), Again("missing", 600.0)),
    ],
)
def test_a_setback_is_judged_by_what_failed_and_where(failed: Part, failure: Exception, expected: Verdict) -> None:
    assert verdict(failed, failure, PAUSE) == expected
