"""A request as bytes: head, framing, blocks of the body. Knows no socket."""

import re
from collections.abc import Iterator, Mapping, Sized
from functools import lru_cache
from typing import Protocol
from urllib.parse import urlsplit

from managed_files.errors import LengthChanged, UpstreamError
from managed_files.upstream.pool import Origin

BLOCK = 256 * 1024  # bytes of a body per send
_EXPECTED_BODY = frozenset({"POST", "PUT", "PATCH"})  # some servers answer 411 without a Content-Length
_STANDARD = (("User-Agent", "managed-files"), ("Accept", "*/*"), ("Accept-Encoding", "identity"))
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_TARGET = re.compile(r"[\x21-\x7e]+").fullmatch
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*").fullmatch

Blocks = Iterator[bytes | memoryview]
Pairs = tuple[tuple[str, str], ...]


class Body(Protocol):
    """A request's body that is read while it is sent. With `__len__` its Content-Length is told, else it is chunked."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, b"" at the end. What it raises ends the connection and reaches the caller unchanged."""


def head(method: str, url: str, headers: Mapping[str, str], body: bytes | Body | None, origin: Origin) -> bytes:
    """Request line and headers, checked: no value may end its line. Raises UpstreamError `refused`, nothing sent."""
    framing = _framing(method, body)
    return _before_framing(method, url, tuple(headers.items()), bool(framing), origin) + framing + b"\r\n"


def blocks(body: bytes | Body | None) -> Blocks:
    """The body as it goes on the wire. Raises LengthChanged when a reader gives another length than it told."""
    if body is None:
        return iter(())
    if not isinstance(body, bytes):
        return _exactly(len(body), body) if isinstance(body, Sized) else _chunks(body)
    if len(body) <= BLOCK:
        return iter((body,))
    view = memoryview(body)
    return (view[at : at + BLOCK] for at in range(0, len(view), BLOCK))


def _framing(method: str, body: bytes | Body | None) -> bytes:
    if body is None:
        return b"Content-Length: 0\r\n" if method in _EXPECTED_BODY else b""
    if isinstance(body, bytes) or isinstance(body, Sized):  # noqa: SIM101 - to ask an abstract class is dear
        return b"Content-Length: %d\r\n" % len(body)
    return b"Transfer-Encoding: chunked\r\n"


@lru_cache(maxsize=256)  # every chat to a deployment sends the same one
def _before_framing(method: str, url: str, headers: Pairs, framed: bool, origin: Origin) -> bytes:
    fields = {name.lower(): (name, value) for name, value in (("Host", origin.netloc), *_STANDARD, *headers)}
    lines = [f"{name}: {value}" for key, (name, value) in fields.items() if not (framed and key in _FRAMING)]
    for line in lines:
        if not _HEADER(line):
            name = line.partition(":")[0]
            raise UpstreamError("refused", f"{origin.host}: header {name!r} is not one line of Latin-1.", sent=False)
    if origin.forwarded:
        lines += [f"{name}: {value}" for name, value in origin.proxy_headers.items()]
    return "\r\n".join((f"{method} {_target(url, origin)} HTTP/1.1", *lines, "")).encode("latin-1")


def _target(url: str, origin: Origin) -> str:
    split = urlsplit(url)
    target = (split.path or "/") + (f"?{split.query}" if split.query else "")
    if not _TARGET(target):
        raise UpstreamError("refused", f"{origin.host}: the URL is not percent-encoded.", sent=False)
    return f"{origin.scheme}://{origin.netloc}{target}" if origin.forwarded else target


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
