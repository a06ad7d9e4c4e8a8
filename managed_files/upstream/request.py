"""A request as bytes: head, framing, blocks of the body. Knows no socket."""

import re
from collections.abc import Iterator, Mapping, Sized
from typing import Any, Protocol
from urllib.parse import SplitResult

from requests import PreparedRequest

from managed_files.errors import LengthChanged, UpstreamError
from managed_files.upstream.fields import Fields
from managed_files.upstream.pool import Origin

BLOCK = 256 * 1024  # bytes of a body per send
_EXPECTED_BODY = frozenset({"POST", "PUT", "PATCH"})  # some servers answer 411 without a Content-Length
_STANDARD = {"User-Agent": "managed-files", "Accept": "*/*", "Accept-Encoding": "identity"}
_TARGET = re.compile(r"[\x21-\x7e]+").fullmatch
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*").fullmatch

Blocks = Iterator[bytes | memoryview]


class Body(Protocol):
    """A request's body that is read while it is sent. With `__len__` its Content-Length is told, else it is chunked."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, b"" at the end. What it raises ends the connection and reaches the caller unchanged."""


def prepared(method: str, url: str, headers: Mapping[str, str], body: bytes | Body | None) -> PreparedRequest:
    """By hand: `PreparedRequest.prepare` would quote, look up and copy what is already as it must be."""
    request = PreparedRequest()
    request.method = method.upper()
    request.url = url
    named = {**_STANDARD, **headers, **_framing(request.method, body)}
    request.headers = Fields({name.lower(): (name, value) for name, value in named.items()})
    request.body = body  # type: ignore[assignment]  # requests takes readers too; its stubs do not say so
    return request


def head(request: PreparedRequest, url: SplitResult, origin: Origin) -> bytes:
    """Request line and headers, checked: no value may end its line. Raises UpstreamError `refused`, nothing sent."""
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    if not _TARGET(target):
        raise UpstreamError("refused", f"{origin.host}: the URL is not percent-encoded.", sent=False)
    lines = [] if "Host" in request.headers else [f"Host: {origin.netloc}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    for line in lines:
        if not _HEADER(line):
            name = line.partition(":")[0]
            raise UpstreamError("refused", f"{origin.host}: header {name!r} is not one line of Latin-1.", sent=False)
    if origin.forwarded:
        target = f"{origin.scheme}://{origin.netloc}{target}"
        lines += [f"{name}: {value}" for name, value in origin.proxy_headers.items()]
    return "\r\n".join((f"{request.method} {target} HTTP/1.1", *lines, "", "")).encode("latin-1")


def blocks(request: PreparedRequest) -> Blocks:
    """The body as it goes on the wire. Raises LengthChanged when a reader gives another length than it told."""
    body: Any = request.body  # a reader too, whatever its type says
    if body is None:
        return iter(())
    if not isinstance(body, bytes):
        return _chunks(body) if "Transfer-Encoding" in request.headers else _exactly(len(body), body)
    if len(body) <= BLOCK:
        return iter((body,))
    view = memoryview(body)
    return (view[at : at + BLOCK] for at in range(0, len(view), BLOCK))


def _framing(method: str, body: bytes | Body | None) -> dict[str, str]:
    if body is None:
        return {"Content-Length": "0"} if method in _EXPECTED_BODY else {}
    if isinstance(body, Sized):
        return {"Content-Length": str(len(body))}
    return {"Transfer-Encoding": "chunked"}


def _chunks(body: Body) -> Blocks:
    while block := body.read(BLOCK):
        yield b"%x\r\n%b\r\n" % (len(block), block)
    yield b"0\r\n\r\n"


def _exactly(length: int, body: Body) -> Blocks:
    left = length
    while block := body.read(BLOCK):
        left -= len(block)
        if left < 0:
            break
        yield block
    if left:
        raise LengthChanged(f"The body did not have the {length} bytes that were announced.")
