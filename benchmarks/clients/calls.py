"""Repeats requests over kept connections. Each line of input is one round, as `benchmarks.caller.Caller` writes it.

Answers each line with the seconds that the round took. A call that fails ends the process with an error.
"""

import json
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

from benchmarks.stage import MASTER_KEY


class Line:
    """One of the connections that are open to a port at once."""

    def __init__(self, port: int):
        self._connection = HTTPConnection("127.0.0.1", port)

    def repeat(self, job: Mapping[str, Any]) -> None:
        """Raises RuntimeError for any answer but 200."""
        body = job["body"]
        headers = {"Authorization": f"Bearer {MASTER_KEY}"} | ({"Content-Type": "application/json"} if body else {})
        for _ in range(job["times"]):
            self._connection.request(job["method"], job["path"], body or None, headers)
            answer = self._connection.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status}: {text[:500]!r}")


def main() -> None:
    """One thread a connection; the connections to a port stay open from round to round."""
    count = int(sys.argv[1])
    lines: dict[int, list[Line]] = {}
    with ThreadPoolExecutor(count) as threads:
        for text in sys.stdin:
            job = json.loads(text)
            open_lines = lines.setdefault(job["port"], [Line(job["port"]) for _ in range(count)])
            began = time.monotonic()
            list(threads.map(Line.repeat, open_lines, [job] * count))
            sys.stdout.write(json.dumps({"seconds": time.monotonic() - began}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
