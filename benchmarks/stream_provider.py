"""A provider of streams in OpenAI's framing: each piece carries the time at which it was written."""

import asyncio
import json
import sys
import time

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_BACKLOG = 2048


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection. A request's `benchmark` tells how many pieces, and the seconds after each."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
            plan = json.loads(await reader.readexactly(length))["benchmark"]
            writer.write(_HEAD)
            for _ in range(plan["pieces"]):
                writer.write(_chunk(b'data: {"at": %d}\n\n' % time.time_ns()))
                await asyncio.sleep(plan["interval"])
            writer.write(_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    """Prints its port and serves until it is ended."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=_BACKLOG)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


if __name__ == "__main__":
    asyncio.run(main())
