"""HTTP/1.1 of a stand-in: requests with streamed bodies in, plain or chunked answers out. Standard library only."""

import contextlib
import json
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage, parse_headers
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from managed_files.sandbox.body import LINE, PIECE, BadRequest, Body, ClientGone

_LINGER_BYTES = 64 << 20
_LINGER_SECONDS = 2.0


@dataclass(frozen=True)
class Reply:
    """An answer. Bytes go out with their length; an iterator goes out piece by piece, chunked unless the headers
    name a Content-Length."""

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An answer of compact JSON."""
    body = json.dumps(content, separators=(",", ":")).encode()
    return Reply(status, body, {"Content-Type": "application/json", **(headers or {})})


class Refused(Exception):
    """Ends the handling of a request with this answer."""

    def __init__(self, reply: Reply):
        super().__init__(reply.status)
        self.reply = reply


@dataclass(frozen=True)
class Request:
    """`path` is as it came, percent-encoded; `args` are the decoded segments that the route names."""

    method: str
    path: str
    query: dict[str, str]
    headers: HTTPMessage
    body: Body
    args: Mapping[str, str] = field(default_factory=dict)

    def with_args(self, args: Mapping[str, str]) -> "Request":
        return replace(self, args=args)


class Connection:
    """One accepted socket: requests out of it, answers into it."""

    def __init__(self, sock: socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._in = sock.makefile("rb")

    def next_request(self) -> Request | None:
        """The next one, or None at the end of the connection. Raises BadRequest."""
        line = self._in.readline(LINE)
        if not line:
            return None
        try:
            method, target, _version = line.decode("latin-1").split()
            headers = parse_headers(self._in)
            url = urlsplit(target)
            body = Body(self._in, headers, self._continue_if_expected(headers))
        except (ValueError, HTTPException) as error:
            raise BadRequest from error
        return Request(method, url.path, dict(parse_qsl(url.query, keep_blank_values=True)), headers, body)

    def _continue_if_expected(self, headers: HTTPMessage) -> Callable[[], None]:
        if headers.get("Expect", "").lower() != "100-continue":
            return lambda: None
        return lambda: self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

    def send(self, reply: Reply, *, keep_alive: bool, with_body: bool = True) -> None:
        """Raises OSError when the client has gone."""
        headers = {**reply.headers, "Connection": "keep-alive" if keep_alive else "close"}
        if isinstance(reply.body, bytes):
            headers.setdefault("Content-Length", str(len(reply.body)))
            self._sock.sendall(_head(reply.status, headers) + (reply.body if with_body else b""))
            return
        chunked = "Content-Length" not in headers
        if chunked:
            headers["Transfer-Encoding"] = "chunked"
        self._sock.sendall(_head(reply.status, headers))
        if with_body:
            self._send_pieces(reply.body, chunked)

    def _send_pieces(self, pieces: Iterator[bytes], chunked: bool) -> None:
        for piece in pieces:
            self._sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self._sock.sendall(b"0\r\n\r\n")

    def linger(self, body: Body) -> None:
        """Lets a client that still sends read the answer: closing at once would destroy it on its way."""
        with contextlib.suppress(OSError, ClientGone, ValueError):
            self._sock.shutdown(socket.SHUT_WR)
            self._sock.settimeout(_LINGER_SECONDS)
            left = _LINGER_BYTES
            while left > 0 and (piece := self._in.read1(PIECE)):
                left -= len(piece)
        body.ended = True

    def reset(self) -> None:
        """The hard end: the peer sees "connection reset"."""
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def wake(self) -> None:
        """Ends a read that another thread waits in."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._in.close()
        self._sock.close()


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {phrase}\r\n{lines}\r\n".encode("latin-1")
