"""Sends a file of lines with the purpose `batch`, as fast as it goes: `batch_upload PORT FILE`."""

import json
import socket
import sys
import time
from http.client import HTTPResponse
from pathlib import Path

from benchmarks.stage import MASTER_KEY

_BOUNDARY = b"benchmark-boundary"
_BEFORE = (
    b'--%b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    b'--%b\r\nContent-Disposition: form-data; name="file"; filename="lines.jsonl"\r\n\r\n'
) % (_BOUNDARY, _BOUNDARY)
_AFTER = b"\r\n--%b--\r\n" % _BOUNDARY


def send(port: int, path: Path) -> dict[str, object]:
    """Seconds from the first byte sent to the answer's last one, and the answer."""
    length = len(_BEFORE) + path.stat().st_size + len(_AFTER)
    head = (
        f"POST /files HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {MASTER_KEY}\r\nContent-Length: {length}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY.decode()}\r\n\r\n"
    )
    with path.open("rb") as file, socket.create_connection(("127.0.0.1", port)) as sock:
        began = time.monotonic()
        sock.sendall(head.encode() + _BEFORE)
        sock.sendfile(file)
        sock.sendall(_AFTER)
        answer = HTTPResponse(sock)
        answer.begin()
        text = answer.read().decode()
        return {"seconds": time.monotonic() - began, "status": answer.status, "answer": text}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(send(int(sys.argv[1]), Path(sys.argv[2]))) + "\n")
