"""What one request cost: counted at the doors, written in its log line. Knows the standard library only."""

import time
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Trace:
    """Counters of one request. Threads of one fan-out share it; a lost increment costs a log figure, nothing else.

    `began`: seconds of `time.perf_counter`.
    """

    request_id: str = ""
    began: float = field(default_factory=time.perf_counter)
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
