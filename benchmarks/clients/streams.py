"""Opens many chat streams at once and times each piece: `streams PORT COUNT PIECES INTERVAL`.

Prints `open` once every stream has its first piece, and then what became of them.
"""

import asyncio
import json
import re
import sys
import time

from benchmarks.stage import MASTER_KEY, STREAM

_AT = re.compile(rb'data: \{"at": (\d+)\}\n\n')
_OPENING_AT_ONCE = 64


class Crowd:
    """What all streams have seen so far."""

    def __init__(self, count: int):
        self.latencies: list[int] = []
        self.finished = 0
        self._silent = count

    def heard(self) -> None:
        """A stream got its first piece."""
        self._silent -= 1
        if not self._silent:
            sys.stdout.write("open\n")
            sys.stdout.flush()


async def stream(port: int, request: bytes, pieces: int, crowd: Crowd, opening: asyncio.Semaphore) -> None:
    """One stream to its end. It has finished if every piece and `[DONE]` came."""
    async with opening:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        await reader.readuntil(b"\r\n\r\n")
    seen, text = 0, b""
    while data := await reader.read(65536):
        now = time.monotonic_ns()
        text += data
        times = [int(found) for found in _AT.findall(text)]
        crowd.latencies += [now - at for at in times[seen:]]
        if times and not seen:
            crowd.heard()
        seen = len(times)
        if text.endswith(b"0\r\n\r\n"):
            break
    crowd.finished += seen == pieces and b"data: [DONE]\n\n" in text
    writer.close()


async def main(port: int, count: int, pieces: int, interval: float) -> None:
    """Latencies in milliseconds."""
    body = {
        "model": STREAM,
        "stream": True,
        "messages": [{"role": "user", "content": "Hello"}],
        "benchmark": {"pieces": pieces, "interval": interval},
    }
    content = json.dumps(body).encode()
    head = (
        f"POST /chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {MASTER_KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    crowd, opening = Crowd(count), asyncio.Semaphore(_OPENING_AT_ONCE)
    request = head.encode() + content
    await asyncio.gather(*(stream(port, request, pieces, crowd, opening) for _ in range(count)))
    latencies = sorted(latency / 1e6 for latency in crowd.latencies)
    facts = {
        "finished": crowd.finished,
        "p50": latencies[len(latencies) // 2],
        "p99": latencies[len(latencies) * 99 // 100],
    }
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
