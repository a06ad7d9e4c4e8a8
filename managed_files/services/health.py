"""How each deployment has been doing lately, as this worker saw it. Knows time and counts, no HTTP.

Kept per worker, not shared through PostgreSQL: sharing would cost every chat a second statement, and a worker learns
of a broken deployment after `allowed_fails` requests of its own, which the retries hide from clients anyway.
"""

import logging
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from managed_files.errors import ProviderFailed
from managed_files.records import Deployment
from managed_files.services.retries import asked_to_wait, speaks_of_health
from managed_files.services.routing import Snapshot

log = logging.getLogger(__name__)

_WINDOW = 60.0  # seconds in which failures add up, requests a minute are counted, and a latency counts as known
_LATEST = 0.3  # weight of the newest latency in the moving average
_LONGEST_REST = 60.0  # seconds; a provider that asks for hours is asked again meanwhile, as quotas are raised by hand

Choose = Callable[[Sequence[Deployment], Mapping[int, Snapshot]], Deployment]


@dataclass(slots=True)
class _Record:
    in_flight: int = 0
    latency: float | None = None
    measured_at: float = 0.0
    failures: deque[float] = field(default_factory=deque)
    requests: deque[float] = field(default_factory=deque)
    cooling_until: float = 0.0
    probing: bool = False


@dataclass(slots=True)
class Visit:
    """One call under way at a deployment that `Health.admit` chose. `probe`: the one that may end a cool-down."""

    deployment: Deployment
    began: float
    probe: bool
    record: _Record
    _health: "Health"
    _over: bool = False

    def answered(self) -> None:
        """The first byte is here."""
        self._health._measure(self)

    def end(self, error: BaseException | None = None) -> None:
        """It is over, and broke with `error` if there is one. Only the first call counts."""
        if not self._over:
            self._over = True
            self._health._close(self, error)


class Health:
    """Counts what happens to deployments. `clock` gives seconds that only ever rise."""

    def __init__(self, allowed_fails: int, cooldown_time: float, clock: Callable[[], float] = time.monotonic):
        self._allowed_fails = allowed_fails
        self._cooldown_time = cooldown_time
        self._clock = clock
        self._lock = threading.RLock()
        self._freed = threading.Condition(self._lock)
        self._records: defaultdict[int, _Record] = defaultdict(_Record)  # by the deployment's id()
        self._open: Counter[str] = Counter()  # calls in flight, by account

    def snapshot(self, deployment: Deployment) -> Snapshot:
        """How it is now. After its cool-down it stays `cooling` for all but the one request that probes it."""
        with self._lock:
            return self._snapshot(deployment)

    def admit(self, candidates: Sequence[Deployment], choose: Choose, patience: float) -> Visit | None:
        """Begins a call at the deployment that `choose` takes of those whose account has a connection free.

        To choose and to count is one step: two threads never take the same "least busy" one, or probe it both. A choice
        of one is none. None if no connection came free within `patience` seconds.
        """
        with self._lock:
            free = self._freed.wait_for(lambda: [item for item in candidates if self._free(item)], patience)
            if not free:
                return None
            if len(free) == 1:
                return self._begin(free[0])
            return self._begin(choose(free, {id(item): self._snapshot(item) for item in free}))

    def _free(self, deployment: Deployment) -> bool:
        limit = deployment.params.get("max_connections")
        return limit is None or self._open[deployment.account.name] < limit

    def _snapshot(self, deployment: Deployment) -> Snapshot:
        record, now = self._records[id(deployment)], self._clock()
        _forget(record.requests, now)
        known = record.measured_at > now - _WINDOW
        cooling = record.cooling_until > now or record.probing
        return Snapshot(record.in_flight, cooling, record.latency if known else None, len(record.requests))

    def _begin(self, deployment: Deployment) -> Visit:
        record, now = self._records[id(deployment)], self._clock()
        probe = 0 < record.cooling_until <= now and not record.probing
        record.probing = record.probing or probe
        record.in_flight += 1
        self._open[deployment.account.name] += 1
        if deployment.params.get("rpm"):
            record.requests.append(now)
        return Visit(deployment, now, probe, record, self)

    def _measure(self, visit: Visit) -> None:
        with self._lock:
            record, now = visit.record, self._clock()
            elapsed, known = now - visit.began, record.measured_at > now - _WINDOW
            record.latency = _mixed(record.latency, elapsed) if record.latency is not None and known else elapsed
            record.measured_at = now
            if visit.probe:
                self._forgive(record)
                visit.probe = record.probing = False

    def _close(self, visit: Visit, error: BaseException | None) -> None:
        with self._lock:
            record = visit.record
            record.in_flight -= 1
            self._open[visit.deployment.account.name] -= 1
            if isinstance(error, ProviderFailed) and speaks_of_health(error):
                self._note_failure(visit, record, error)
            elif (error is None or isinstance(error, ProviderFailed)) and not _failed_since(visit.began, record):
                self._forgive(record)
            if visit.probe:
                record.probing = False
            self._freed.notify_all()

    def _note_failure(self, visit: Visit, record: _Record, failure: ProviderFailed) -> None:
        now = self._clock()
        _forget(record.failures, now)
        record.failures.append(now)
        spent = visit.probe or len(record.failures) > self._allowed_fails
        asked = min(asked_to_wait(failure), _LONGEST_REST)
        rest = max(self._cooldown_time if spent else 0.0, asked)
        if rest and record.cooling_until <= now:
            log.warning("%s rests for %.3g s: %s", visit.deployment.target, rest, failure.message)
        record.cooling_until = max(record.cooling_until, now + rest) if rest else record.cooling_until

    def _forgive(self, record: _Record) -> None:
        record.failures.clear()
        record.cooling_until = 0.0


def _failed_since(began: float, record: _Record) -> bool:
    """A success says nothing of failures that came after it was sent."""
    return bool(record.failures) and record.failures[-1] > began


def _forget(times: deque[float], now: float) -> None:
    while times and times[0] < now - _WINDOW:
        times.popleft()


def _mixed(old: float, new: float) -> float:
    return old * (1 - _LATEST) + new * _LATEST
