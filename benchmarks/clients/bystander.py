"""Asks for small things all the time and notes how long it waits: `bystander PORT PROVIDER INTERVAL`, until stdin ends.

One connection asks the gateway at `PORT` for health, one for a chat of one piece, and one asks `PROVIDER`, the port
at which that chat is answered: it tells what the machine alone makes them wait. Each asks again `INTERVAL` seconds
after its last answer.
"""

import json
import sys
import threading
import time
from http.client import HTTPConnection

from benchmarks.stage import MASTER_KEY, STREAM

_HEADERS = {"Authorization": f"Bearer {MASTER_KEY}", "Content-Type": "application/json"}
_CHAT = json.dumps(
    {
        "model": STREAM,
        "stream": True,
        "messages": [{"role": "user", "content": "Hello"}],
        "benchmark": {"pieces": 1, "interval": 0},
    }
)


def ask(port: int, interval: float, method: str, path: str, body: str | None, over: threading.Event) -> list[float]:
    """Milliseconds of each request, from its first byte to its answer's last. Raises RuntimeError for a bad answer."""
    connection, taken = HTTPConnection("127.0.0.1", port), list[float]()
    while not over.wait(interval):
        began = time.monotonic()
        connection.request(method, path, body, _HEADERS)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {text[:500]!r}")
        taken.append((time.monotonic() - began) * 1000)
    return taken


def main(port: int, provider: int, interval: float) -> None:
    """Prints the worst and the 99th percentile of each kind, and how many there were of all together."""
    over, taken = threading.Event(), dict[str, list[float]]()

    def run(name: str, port: int, method: str, path: str, body: str | None) -> None:
        taken[name] = sorted(ask(port, interval, method, path, body, over))

    chat = ("POST", "/chat/completions", _CHAT)
    kinds = (("health", port, "GET", "/health/liveliness", None), ("chat", port, *chat), ("direct", provider, *chat))
    threads = [threading.Thread(target=run, args=kind) for kind in kinds]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    over.set()
    for thread in threads:
        thread.join()
    told = {name: {"worst": times[-1], "p99": times[len(times) * 99 // 100]} for name, times in taken.items()}
    sys.stdout.write(json.dumps({**told, "count": sum(map(len, taken.values()))}) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
