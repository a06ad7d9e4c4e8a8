"""Sends one form with a generated file of any size at a steady rate: `upload PORT PATH MIB BYTES_PER_SECOND`."""

import json
import socket
import sys
import time
from http.client import HTTPResponse

from benchmarks.stage import GEMINI, GPT, MASTER_KEY

_BOUNDARY = b"benchmark-boundary"
_BLOCK = b"%PDF-1.4\n" + bytes(range(256)) * 256


def send(port: int, path: str, size: int, rate: float) -> dict[str, object]:
    """`rate` 0: as fast as it goes. Seconds from the first byte sent to the answer's last one, and the answer."""
    before, after = _form()
    length = len(before) + size + len(after)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {MASTER_KEY}\r\nContent-Length: {length}\r\n"
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY.decode()}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as sock:
        began = time.monotonic()
        sock.sendall(head.encode() + before)
        for sent in range(0, size, len(_BLOCK)):
            if rate:
                time.sleep(max(began + sent / rate - time.monotonic(), 0))
            sock.sendall(_BLOCK[: size - sent])
        sock.sendall(after)
        answer = HTTPResponse(sock)
        answer.begin()
        text = answer.read().decode()
        return {"seconds": time.monotonic() - began, "status": answer.status, "answer": text}


def _form() -> tuple[bytes, bytes]:
    """What stands before and after the file's bytes. The file comes last, as most clients send it."""
    fields = {"purpose": "user_data", "target_model_names": f"{GPT},{GEMINI}"}
    parts = [
        b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (_BOUNDARY, name.encode(), value.encode())
        for name, value in fields.items()
    ]
    parts.append(b'--%b\r\nContent-Disposition: form-data; name="file"; filename="big.bin"\r\n' % _BOUNDARY)
    parts.append(b"Content-Type: application/pdf\r\n\r\n")
    return b"".join(parts), b"\r\n--%b--\r\n" % _BOUNDARY


if __name__ == "__main__":
    port, path, mib, rate = sys.argv[1:]
    sys.stdout.write(json.dumps(send(int(port), path, int(mib) << 20, float(rate))) + "\n")
