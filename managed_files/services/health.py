"""How each deployment has been doing lately, as this worker saw it. Knows time and counts, no HTTP.

Kept per worker, not shared through PostgreSQL: sharing would cost every chat a second statement, and a worker learns
of a broken deployment after `allowed_fails` requests of its own, which the retries hide from clients anyway.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from managed_files.errors import ProviderFailed
from managed_files.records import Deployment
from managed_files.services.routing import Snapshot

_WINDOW = 60.0  # seconds in which failures add up, and over which requests and tokens a minute are counted
_LATEST = 0.3  # weight of the newest latency in the moving average


@dataclass(slots=True)
class _Record:
    in_flight: int = 0
    latency: float | None = None
    failures: deque[float] = field(default_factory=deque)
    requests: deque[float] = field(default_factory=deque)
    cooling_until: float = 0.0
    probing: bool = False


class Health:
    """Counts what happens to deployments. `clock` gives seconds that only ever rise."""

    def __init__(self, allowed_fails: int, cooldown_time: float, clock: Callable[[], float] = time.monotonic):
        self._allowed_fails = allowed_fails
        self._cooldown_time = cooldown_time
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[int, _Record] = {}

    def snapshot(self, deployment: Deployment) -> Snapshot:
        """How it is now. After its cool-down it stays `cooling` for all but the one request that probes it."""
        with self._lock:
            record, now = self._record(deployment), self._clock()
            _forget(record.requests, now)
            cooling = record.cooling_until > now or record.probing
            return Snapshot(record.in_flight, cooling, record.latency, len(record.requests))

    @contextmanager
    def watching(self, deployment: Deployment) -> Iterator[None]:
        """Times one call until the block ends, and notes whether it failed."""
        began = self._begin(deployment)
        try:
            yield
        except ProviderFailed as failure:
            self._end(deployment, began, failure)
            raise
        except BaseException:
            self._end(deployment, began, None, counts=False)
            raise
        self._end(deployment, began, None)

    def hold(self, deployment: Deployment) -> Callable[[], None]:
        """One more in flight, until what it returns is called: a stream lasts longer than its first byte."""
        with self._lock:
            self._record(deployment).in_flight += 1
        return lambda: self._release(deployment)

    def _begin(self, deployment: Deployment) -> float:
        with self._lock:
            record, now = self._record(deployment), self._clock()
            record.requests.append(now)
            record.probing = record.probing or 0 < record.cooling_until <= now
            return now

    def _end(
        self, deployment: Deployment, began: float, failure: ProviderFailed | None, *, counts: bool = True
    ) -> None:
        with self._lock:
            record, now = self._record(deployment), self._clock()
            if failure is not None and speaks_of_health(failure):
                self._note_failure(record, now, failure)
            elif counts:
                record.failures.clear()
                record.cooling_until = 0.0
                elapsed = now - began
                record.latency = elapsed if record.latency is None else _mixed(record.latency, elapsed)
            record.probing = False

    def _note_failure(self, record: _Record, now: float, failure: ProviderFailed) -> None:
        _forget(record.failures, now)
        record.failures.append(now)
        if record.probing or len(record.failures) > self._allowed_fails:
            record.cooling_until = now + max(self._cooldown_time, _asked(failure))

    def _release(self, deployment: Deployment) -> None:
        with self._lock:
            self._record(deployment).in_flight -= 1

    def _record(self, deployment: Deployment) -> _Record:
        return self._records.setdefault(id(deployment), _Record())


def speaks_of_health(failure: ProviderFailed) -> bool:
    """Whether a failure is the deployment's own: no answer, 401, 403, 408, 429 or 5xx, but not a refused request."""
    status = failure.upstream_status
    return status is None or status in (401, 403, 408, 429) or status >= 500


def _asked(failure: ProviderFailed) -> float:
    """Seconds of its Retry-After, at most a minute."""
    text = failure.retry_after or ""
    return min(float(text), 60.0) if text.isdigit() else 0.0


def _forget(times: deque[float], now: float) -> None:
    while times and times[0] < now - _WINDOW:
        times.popleft()


def _mixed(old: float, new: float) -> float:
    return old * (1 - _LATEST) + new * _LATEST
