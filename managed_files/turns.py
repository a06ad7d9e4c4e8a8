"""How long a busy thread keeps the others waiting. Knows the interpreter only."""

import sys
import threading
from types import TracebackType

_SHORT = 0.001  # seconds; a chat takes ten turns, and Python's own 5 ms each add up beside a thread that never waits


class ShortTurns:
    """While any thread is inside, threads take turns every millisecond. Outside they do not: it costs CPU."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._usual = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(_SHORT)
            self._inside += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                sys.setswitchinterval(self._usual)


short_turns = ShortTurns()  # one for the process, as the interpreter has one interval
