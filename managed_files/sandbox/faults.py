"""How a stand-in can be told to misbehave. Knows the standard library only."""

import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Literal

Cut = Literal["before", "mid_body", "mid_stream", "after_commit"]


@dataclass
class Fault:
    """What happens to the next requests that match.

    `path` is a regular expression, matched from the start of the path as it came; `method` "*" means any. `times`
    None lasts until the reset. Without `status` and `cut` the request is served as usual, only slower.

    status, headers, body   the answer (`body`: bytes, or JSON; None: the provider's own error envelope)
    read_body               False answers without reading the request's body
    delay                   seconds before the answer begins
    cut                     the connection is reset: "before" the body is read, in the middle of it ("mid_body"), after
                            some pieces of the answer ("mid_stream"), or after the work, before the answer
    receive_rate            bytes a second at which the request's body is read
    pieces                  of a streamed answer that come before a "mid_stream" cut
    piece_delay             seconds between the pieces of a streamed answer
    gate                    waited for before a plain answer, or after the first piece of a streamed one
    """

    method: str = "POST"
    path: str = "/"
    times: int | None = 1
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    read_body: bool = True
    delay: float = 0.0
    cut: Cut | None = None
    receive_rate: float | None = None
    pieces: int = 3
    piece_delay: float = 0.0
    gate: threading.Event | None = None

    def matches(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and re.match(self.path, path) is not None


class ConnectionCut(Exception):
    """The stand-in breaks the connection on purpose."""


class FaultBook:
    """The faults that are still to happen: counted ones first and in order, then the newest lasting one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: list[Fault] = []
        self._lasting: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            if fault.times is None:
                self._lasting.insert(0, fault)
            else:
                self._counted.extend([fault] * fault.times)

    def take(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._counted:
                if fault.matches(method, path):
                    self._counted.remove(fault)
                    return fault
            return next((fault for fault in self._lasting if fault.matches(method, path)), None)

    def clear(self) -> None:
        with self._lock:
            self._counted.clear()
            self._lasting.clear()


class Pacer:
    """Holds a reader to `rate` bytes a second."""

    def __init__(self, rate: float, stopping: threading.Event):
        self._rate = rate
        self._stopping = stopping
        self._start = time.monotonic()
        self._seen = 0

    def __call__(self, data: bytes) -> None:
        self._seen += len(data)
        ahead = self._start + self._seen / self._rate - time.monotonic()
        if ahead > 0:
            self._stopping.wait(ahead)


class BodyCutter:
    """Cuts the connection in the middle of a body of `length` bytes (None: chunked)."""

    def __init__(self, length: int | None):
        self._left = (length if length is not None else 65536) // 2

    def __call__(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left <= 0:
            raise ConnectionCut("mid_body")
