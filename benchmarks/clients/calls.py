"""Repeats one request over kept connections: `calls PORT METHOD PATH BODY CONNECTIONS CALLS_EACH`."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

from benchmarks.stage import MASTER_KEY


def repeat(port: int, method: str, path: str, body: str, times: int) -> None:
    """One connection. Raises RuntimeError for any answer but 200."""
    connection = HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {MASTER_KEY}"} | ({"Content-Type": "application/json"} if body else {})
    for _ in range(times):
        connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {text[:500]!r}")
    connection.close()


def main() -> None:
    """Prints the seconds that all calls took; a call that fails ends the process with an error."""
    port, method, path, body, connections, times = sys.argv[1:]
    with ThreadPoolExecutor(int(connections)) as threads:
        began = time.monotonic()
        calls = [threads.submit(repeat, int(port), method, path, body, int(times)) for _ in range(int(connections))]
        for call in calls:
            call.result()
    sys.stdout.write(json.dumps({"seconds": time.monotonic() - began}) + "\n")


if __name__ == "__main__":
    main()
