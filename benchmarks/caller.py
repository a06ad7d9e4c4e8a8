"""The process that makes the calls of a benchmark, steered line by line."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import stage


class Caller:
    """The process that makes calls, `connections` at once. It keeps its connections from round to round."""

    def __init__(self, process: subprocess.Popen[bytes]):
        self._process = process

    def repeat(self, port: int, method: str, path: str, body: str, times: int) -> None:
        """One round: `times` calls on each connection. Raises RuntimeError if one is not answered with 200."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"port": port, "method": method, "path": path, "body": body, "times": times}
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            raise RuntimeError(f"{method} {path}: a call failed")


@contextmanager
def calling(connections: int) -> Iterator[Caller]:
    """Ready to call."""
    command = [sys.executable, "-m", "benchmarks.clients.calls", str(connections)]
    with stage.running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Caller(process)
