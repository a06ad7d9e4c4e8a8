"""A real server whose answers a test writes byte by byte, and certificates for it. And bodies to send to it."""

import datetime
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from managed_files.upstream import Upstream


@dataclass
class Received:
    """One request. `complete` is false when the connection ended inside the body."""

    line: str
    headers: dict[str, str]
    body: bytes = b""
    complete: bool = True


class Peer(StreamRequestHandler):
    """The server's end of one connection."""

    def handle(self) -> None:
        try:
            server = cast(RawServer, self.server)
            if server.tls is not None:
                self.encrypt(server.tls)
            server.script(self)
        except (OSError, ssl.SSLError):
            pass  # the client closed first, which is for its side of the test to judge

    def encrypt(self, context: ssl.SSLContext) -> None:
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def head(self) -> Received | None:
        """Request line and headers; None when the client closed."""
        line = self.rfile.readline().decode("latin-1").strip()
        if not line:
            return None
        headers = {}
        while pair := self.rfile.readline().decode("latin-1").strip():
            name, _, value = pair.partition(": ")
            headers[name.lower()] = value
        return self._note(Received(line, headers))

    def receive(self) -> Received | None:
        """A whole request, as far as it comes."""
        received = self.head()
        if received is not None:
            self.read_body(received)
        return received

    def read_body(self, received: Received) -> None:
        """The rest of a request whose head was read."""
        chunked = received.headers.get("transfer-encoding") == "chunked"
        (self._read_chunks if chunked else self._read_length)(received)

    def requests(self) -> Iterator[Received]:
        return iter(self.receive, None)

    def send(self, text: str) -> None:
        self.wfile.write(text.encode())

    def answer(self, body: str = "ok", status: str = "200 OK") -> None:
        self.send(f"HTTP/1.1 {status}\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}")

    def ended(self) -> bool:
        """Waits for the client to close, or for more bytes from it."""
        try:
            return self.rfile.read(1) == b""
        except OSError:
            return True

    def reset(self) -> None:
        """Closes so that the client sees a connection reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.wfile.close()
        self.connection.close()

    def _read_length(self, received: Received) -> None:
        length = int(received.headers.get("content-length", 0))
        received.body = self.rfile.read(length)
        received.complete = len(received.body) == length

    def _read_chunks(self, received: Received) -> None:
        received.complete = False
        while size := self.rfile.readline().strip():
            received.body += self.rfile.read(int(size, 16))
            self.rfile.readline()
            received.complete = size == b"0"
            if received.complete:
                return

    def _note(self, received: Received) -> Received:
        cast(RawServer, self.server).received.append(received)
        return received


Script = Callable[[Peer], object]


class RawServer(ThreadingTCPServer):
    """Runs `script` for every connection, each in a thread of its own."""

    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None):
        super().__init__(("127.0.0.1", 0), Peer)
        self.script = script
        self.tls = tls
        self.accepted = 0
        self.received: list[Received] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}"

    def verify_request(self, request: object, client_address: object) -> bool:
        self.accepted += 1
        return True


@contextmanager
def serving(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """A server for as long as the block lasts; its threads have ended after it."""
    with RawServer(script, tls) as server:
        loop = Thread(target=server.serve_forever, args=(0.01,))
        loop.start()
        try:
            yield server
        finally:
            server.shutdown()
            loop.join()


@contextmanager
def calling(script: Script, *, max_idle: int = 64) -> Iterator[tuple[RawServer, Upstream]]:
    """A server and a door to it. The door closes first: a server waits for its kept connections to end."""
    with serving(script) as server, closing(Upstream(read_timeout=20, max_idle=max_idle, environ={})) as upstream:
        yield server, upstream


def echo(peer: Peer) -> None:
    """Answers every request with its own body."""
    for received in peer.requests():
        if received.complete:
            peer.answer(received.body.decode())


def echo_once(peer: Peer) -> None:
    """The same for the first request."""
    received = peer.receive()
    if received is not None and received.complete:
        peer.answer(received.body.decode())


class Steps:
    """A body in given pieces. An exception among them is raised, an event is waited for."""

    def __init__(self, *steps: bytes | Exception | Event):
        self.steps = list(steps)

    def read(self, size: int, /) -> bytes:
        while self.steps:
            step = self.steps.pop(0)
            if isinstance(step, bytes):
                return step
            if isinstance(step, Exception):
                raise step
            assert step.wait(20)
        return b""


class SizedSteps(Steps):
    def __init__(self, length: int, *steps: bytes | Exception | Event):
        super().__init__(*steps)
        self.length = length

    def __len__(self) -> int:
        return self.length


@dataclass
class Certificate:
    """A self-signed certificate for 127.0.0.1 and provider.test: as a file to trust, and as a server's context."""

    path: Path
    context: ssl.SSLContext = field(default_factory=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))


def certificate(folder: Path) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider.test")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("provider.test"), x509.IPAddress(ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "certificate.pem")
    made.path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_path = folder / "key.pem"
    key_path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    made.context.load_cert_chain(made.path, key_path)
    return made
