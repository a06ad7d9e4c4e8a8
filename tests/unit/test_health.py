"""What a worker remembers of its deployments, and how it admits calls to them."""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from managed_files.errors import Inexpressible, ProviderFailed
from managed_files.records import Account, Deployment
from managed_files.services.health import Health, Visit
from managed_files.services.routing import Snapshot


def deployment(account: str = "one", **params: Any) -> Deployment:
    return Deployment("a", "a", "a", Account(account, "openai", {}), params)


ONE = deployment()


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def first(candidates: Sequence[Deployment], _: Mapping[int, Snapshot]) -> Deployment:
    return candidates[0]


def begin(health: Health, *candidates: Deployment) -> Visit:
    visit = health.admit(candidates or [ONE], first, 0.0)
    assert visit is not None
    return visit


def refused(status: int | None = 503, retry_after: str | None = None) -> ProviderFailed:
    return ProviderFailed("openai", "no", upstream_status=status, retry_after=retry_after)


def fail(health: Health, times: int = 1, **failure: Any) -> None:
    for _ in range(times):
        begin(health).end(refused(**failure))


def succeed(health: Health) -> None:
    visit = begin(health)
    visit.answered()
    visit.end()


def test_cools_down_after_more_than_the_allowed_failures() -> None:
    health = Health(2, 5.0, Clock())
    fail(health, 2)
    before = health.snapshot(ONE).cooling
    fail(health)
    assert (before, health.snapshot(ONE).cooling) == (False, True)


def test_a_success_forgives() -> None:
    health = Health(2, 5.0, Clock())
    fail(health, 2)
    succeed(health)
    fail(health, 2)
    assert not health.snapshot(ONE).cooling


def test_a_success_that_was_sent_before_the_failures_does_not() -> None:
    clock = Clock()
    health = Health(2, 5.0, clock)
    early = begin(health)
    clock.now += 1
    fail(health, 3)
    early.answered()
    early.end()
    assert health.snapshot(ONE).cooling


@pytest.mark.parametrize("error", [refused(status=400), refused(status=404), Inexpressible("no word", param="n")])
def test_a_refused_request_says_nothing_of_health(error: Exception) -> None:
    health = Health(0, 5.0, Clock())
    begin(health).end(error)
    assert not health.snapshot(ONE).cooling


def test_a_stream_that_breaks_after_its_first_byte_is_a_failure() -> None:
    health = Health(0, 5.0, Clock())
    visit = begin(health)
    visit.answered()
    visit.end(refused(status=None))
    assert health.snapshot(ONE).cooling


def test_failures_long_ago_do_not_add_up() -> None:
    clock = Clock()
    health = Health(1, 5.0, clock)
    fail(health)
    clock.now += 61
    fail(health)
    assert not health.snapshot(ONE).cooling


def test_after_the_cool_down_one_request_probes() -> None:
    clock = Clock()
    health = Health(0, 5.0, clock)
    fail(health)
    clock.now += 6
    before = health.snapshot(ONE).cooling
    probe = begin(health)
    during = health.snapshot(ONE).cooling
    probe.answered()
    assert (before, during, health.snapshot(ONE).cooling) == (False, True, False)


def test_a_failed_probe_cools_down_again() -> None:
    clock = Clock()
    health = Health(3, 5.0, clock)
    fail(health, 4)
    clock.now += 6
    fail(health)
    assert health.snapshot(ONE).cooling


def test_a_probe_that_could_not_be_sent_leaves_the_next_one_to_probe() -> None:
    clock = Clock()
    health = Health(0, 5.0, clock)
    fail(health)
    clock.now += 6
    begin(health).end(Inexpressible("no word", param="n"))
    fail(health)
    assert health.snapshot(ONE).cooling


@pytest.mark.parametrize(
    ("asked", "after", "rests"),
    [("20", 19, True), ("20", 21, False), ("7200", 59, True), ("7200", 61, False), ("soon", 1, False)],
)
def test_retry_after_rests_at_once_but_a_minute_at_most(asked: str, after: float, rests: bool) -> None:
    clock = Clock()
    health = Health(3, 5.0, clock)
    fail(health, status=429, retry_after=asked)
    clock.now += after
    assert health.snapshot(ONE).cooling is rests


def test_retry_after_may_be_a_date() -> None:
    clock = Clock()
    health = Health(3, 5.0, clock)
    fail(health, status=429, retry_after=format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True))
    clock.now += 30
    assert health.snapshot(ONE).cooling


def test_what_is_in_flight_and_how_fast_answers_come() -> None:
    clock = Clock()
    health = Health(0, 5.0, clock)
    for seconds in (1.0, 2.0):
        visit = begin(health)
        clock.now += seconds
        visit.answered()
    held = health.snapshot(ONE)
    visit.end()
    visit.end()
    assert (held.in_flight, round(held.latency or 0, 6), health.snapshot(ONE).in_flight) == (2, 1.3, 1)


def test_a_refusal_is_no_fast_answer() -> None:
    health = Health(3, 5.0, Clock())
    begin(health).end(refused(status=400))
    assert health.snapshot(ONE).latency is None


def test_a_latency_of_long_ago_is_measured_anew() -> None:
    clock = Clock()
    health = Health(0, 5.0, clock)
    succeed(health)
    clock.now += 61
    assert health.snapshot(ONE).latency is None


def test_requests_are_counted_for_a_minute_where_there_is_a_limit() -> None:
    clock = Clock()
    health, limited = Health(0, 5.0, clock), deployment(rpm=10.0)
    for _ in range(3):
        begin(health, limited).end()
        clock.now += 25
    begin(health, ONE).end()
    assert (health.snapshot(limited).requests, health.snapshot(ONE).requests) == (2, 0)


def test_a_full_account_is_passed_over() -> None:
    health = Health(0, 5.0)
    full, free = deployment("full", max_connections=1.0), deployment("free")
    visits = [begin(health, full, free) for _ in range(2)]
    assert [visit.deployment for visit in visits] == [full, free]


def test_entries_of_one_account_share_its_connections() -> None:
    health = Health(0, 5.0)
    begin(health, deployment("one", max_connections=1.0))
    assert health.admit([deployment("one", max_connections=1.0)], first, 0.0) is None


def test_a_connection_that_comes_free_is_taken_by_who_waits() -> None:
    health, limited = Health(0, 5.0), deployment(max_connections=1.0)
    held = begin(health, limited)
    threading.Timer(0.05, held.end).start()
    visit = health.admit([limited], first, 10.0)
    assert visit is not None


def test_many_threads_never_open_more_than_allowed() -> None:
    health, limited = Health(0, 5.0), deployment(max_connections=3.0)
    most: list[int] = []

    def run() -> None:
        for _ in range(50):
            visit = health.admit([limited], first, 10.0)
            assert visit is not None
            most.append(health.snapshot(limited).in_flight)
            visit.end()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most) <= 3, health.snapshot(limited).in_flight) == (400, True, 0)


def test_threads_that_choose_at_once_take_different_ones() -> None:
    health, items = Health(0, 5.0), [deployment(str(number)) for number in range(8)]
    taken: list[str] = []

    def choose(candidates: Sequence[Deployment], states: Mapping[int, Snapshot]) -> Deployment:
        return min(candidates, key=lambda item: states[id(item)].in_flight)

    def run() -> None:
        visit = health.admit(items, choose, 0.0)
        assert visit is not None
        taken.append(visit.deployment.account.name)

    threads = [threading.Thread(target=run) for _ in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(item.account.name for item in items)
