"""What a worker remembers of its deployments."""

import pytest

from managed_files.errors import ProviderFailed
from managed_files.records import Account, Deployment
from managed_files.services.health import Health
from managed_files.services.routing import Snapshot

ONE = Deployment("a", "a", "a", Account("one", "openai", {}), {})


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def fail(health: Health, times: int = 1, status: int | None = 503, retry_after: str | None = None) -> None:
    for _ in range(times):
        with pytest.raises(ProviderFailed), health.watching(ONE):
            raise ProviderFailed("openai", "no", upstream_status=status, retry_after=retry_after)


def test_cools_down_after_more_than_the_allowed_failures() -> None:
    health = Health(2, 5.0, Clock())
    fail(health, 2)
    before = health.snapshot(ONE).cooling
    fail(health)
    assert (before, health.snapshot(ONE).cooling) == (False, True)


def test_a_success_forgives() -> None:
    health = Health(2, 5.0, Clock())
    fail(health, 2)
    with health.watching(ONE):
        pass
    fail(health, 2)
    assert not health.snapshot(ONE).cooling


def test_a_refused_request_says_nothing_of_health() -> None:
    health = Health(0, 5.0, Clock())
    fail(health, 5, status=400)
    assert not health.snapshot(ONE).cooling


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
    with health.watching(ONE):
        during = health.snapshot(ONE).cooling
    assert (during, health.snapshot(ONE).cooling) == (True, False)


def test_a_failed_probe_cools_down_again() -> None:
    clock = Clock()
    health = Health(3, 5.0, clock)
    fail(health, 4)
    clock.now += 6
    fail(health)
    assert health.snapshot(ONE).cooling


def test_retry_after_prolongs_the_cool_down() -> None:
    clock = Clock()
    health = Health(0, 5.0, clock)
    fail(health, status=429, retry_after="20")
    clock.now += 19
    assert health.snapshot(ONE).cooling


def test_latency_is_measured_and_holds_are_in_flight() -> None:
    clock = Clock()
    health = Health(0, 5.0, clock)
    release = health.hold(ONE)
    for seconds in (1.0, 1.0):
        with health.watching(ONE):
            clock.now += seconds
    held = health.snapshot(ONE)
    release()
    assert (held, health.snapshot(ONE).in_flight) == (Snapshot(1, False, 1.0, 2), 0)
