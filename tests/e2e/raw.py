"""HTTP as no client library would send it: uploads byte by byte over a socket of one's own. Knows no test."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse

from tests.e2e.gateway import MASTER_KEY, Gateway
from tests.e2e.providers import BOTH

BOUNDARY = "cut-here"
FIELDS = {"purpose": "user_data", "target_model_names": BOTH}
_SECONDS = 20.0


@dataclass(frozen=True)
class Answer:
    """What came back, read to its end."""

    status: int
    body: bytes


def form(data: bytes, filename: bytes = b"paper.pdf", fields: Mapping[str, str] = FIELDS) -> bytes:
    """A whole upload form, the file as its last part."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = b'--%b\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n\r\n'
    return b"".join(parts) + head % (BOUNDARY.encode(), filename) + data + f"\r\n--{BOUNDARY}--\r\n".encode()


class Upload:
    """A POST of a form that is sent as far as the test likes."""

    def __init__(self, sock: socket.socket):
        self.sock = sock

    def begin(self, *headers: str) -> None:
        """The request's head; `headers` tell how long its body is."""
        lines = [
            "POST /v1/files HTTP/1.1",
            "Host: gateway",
            f"Authorization: Bearer {MASTER_KEY}",
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
            *headers,
        ]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode())

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_chunk(self, data: bytes) -> None:
        self.sock.sendall(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        """Nothing more will come, though the answer is still wanted."""
        self.sock.shutdown(socket.SHUT_WR)

    def answer(self) -> Answer:
        response = HTTPResponse(self.sock, method="POST")
        try:
            response.begin()
            return Answer(response.status, response.read())
        finally:
            response.close()


@contextmanager
def upload(gateway: Gateway) -> Iterator[Upload]:
    """A connection; closing it in mid-upload is what a client does that goes away."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=_SECONDS) as sock:
        yield Upload(sock)
