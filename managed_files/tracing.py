"""What one request cost: counted at the doors, written in its log line. Knows the standard library only."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Trace:
    """Counters of one request. Threads of one fan-out share it; a lost increment costs a log figure, nothing else."""

    request_id: str = ""
    model: str | None = None
    bytes: int = 0
    statements: int = 0
    upstream_calls: int = 0


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def start(request_id: str) -> Trace:
    """Begins a new trace in this context and returns it."""
    trace = Trace(request_id)
    _current.set(trace)
    return trace


def current() -> Trace:
    """The trace of this context; outside a request a throw-away one."""
    return _current.get() or Trace()
