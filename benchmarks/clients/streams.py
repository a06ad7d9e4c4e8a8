"""Opens many chat streams at once and times each piece: `streams PORT COUNT PIECES INTERVAL`.

A piece has arrived when the kernel has it for this process, not when Python comes to it: of ten streams in step, the
tenth would count the time that the nine others take here. Linux only, for that reason.
Prints `open` once every stream has its first piece, and then what became of them.
"""

import json
import re
import socket
import struct
import sys
from dataclasses import dataclass, field
from selectors import EVENT_READ, DefaultSelector

from benchmarks.stage import MASTER_KEY, STREAM

_AT = re.compile(rb'data: \{"at": (\d+)\}\n\n')
_SO_TIMESTAMPNS = 35  # asm-generic/socket.h; Python has no name for it
_STAMP = struct.Struct("@qq")  # struct timespec: seconds and nanoseconds since the epoch
_BLOCK = 4096
_OPENING_AT_ONCE = 64


class Stream:
    """One stream. `latencies`: nanoseconds from each piece's writing to its arrival."""

    def __init__(self, port: int, request: bytes):
        self.latencies: list[int] = []
        self.complete = False
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.sock.sendall(request)
        self._unread = b""

    def hear(self) -> bool:
        """Takes what has arrived; whether more may come. Pieces that came together arrived with the last of them."""
        data, control, _, _ = self.sock.recvmsg(_BLOCK, socket.CMSG_SPACE(_STAMP.size))
        if not data:
            return False
        seconds, nanoseconds = _STAMP.unpack(control[0][2])
        text, end = self._unread + data, 0
        for piece in _AT.finditer(text):
            self.latencies.append(seconds * 1_000_000_000 + nanoseconds - int(piece[1]))
            end = piece.end()
        self._unread = text[end:]
        self.complete = b"data: [DONE]\n\n" in self._unread and self._unread.endswith(b"0\r\n\r\n")
        return not self.complete


@dataclass
class Crowd:
    """All streams, and which of them are running and which of those have said nothing so far."""

    streams: list[Stream] = field(default_factory=list)
    running: int = 0
    silent: int = 0
    selector: DefaultSelector = field(default_factory=DefaultSelector)

    def open(self, port: int, request: bytes) -> None:
        """One more."""
        stream = Stream(port, request)
        self.streams.append(stream)
        self.running += 1
        self.silent += 1
        self.selector.register(stream.sock, EVENT_READ, stream)

    def hear(self) -> None:
        """Waits until something arrives, and takes it."""
        for key, _ in self.selector.select():
            stream: Stream = key.data
            was_silent, more = not stream.latencies, stream.hear()
            self.silent -= was_silent and bool(stream.latencies or not more)
            if not more:
                self.running -= 1
                self.selector.unregister(stream.sock)
                stream.sock.close()


def listen(port: int, count: int, request: bytes) -> list[Stream]:
    """The streams, heard to their ends. Raises RuntimeError if the first has ended before the last began."""
    crowd = Crowd()
    while crowd.silent or len(crowd.streams) < count:
        while len(crowd.streams) < count and crowd.silent < _OPENING_AT_ONCE:
            crowd.open(port, request)
        crowd.hear()
    if crowd.running < count:
        raise RuntimeError(f"only {crowd.running} of {count} streams were open at once")
    sys.stdout.write("open\n")
    sys.stdout.flush()
    while crowd.running:
        crowd.hear()
    return crowd.streams


def main(port: int, count: int, pieces: int, interval: float) -> None:
    """A stream has finished if every piece and `[DONE]` came. Latencies in milliseconds."""
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
    streams = listen(port, count, head.encode() + content)
    latencies = sorted(latency / 1e6 for stream in streams for latency in stream.latencies)
    facts = {
        "finished": sum(stream.complete and len(stream.latencies) == pieces for stream in streams),
        "p50": latencies[len(latencies) // 2],
        "p99": latencies[len(latencies) * 99 // 100],
    }
    sys.stdout.write(json.dumps(facts) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
