"""A multipart/form-data body as the events of werkzeug's decoder, whatever the network does. Knows no field of ours."""

import re
from collections.abc import Iterator
from typing import Protocol

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Epilogue, Event, MultipartDecoder, NeedData

from managed_files.errors import InvalidRequest, SpoolBroken, TooLarge, UnsupportedMediaType

_BLOCK_BYTES = 128 * 1024
_DECODER_BYTES = 2 * _BLOCK_BYTES  # a block and what was left of the one before: bounds headers, preamble and epilogue
_MAX_BOUNDARY_BYTES = 200  # RFC 2046 allows 70
_TAIL_BYTES = 256


class Readable(Protocol):
    """What is needed of the server's input stream. It ends with b""."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""


def boundary_of(content_type: str | None) -> bytes:
    """The boundary that a Content-Type header names. Raises UnsupportedMediaType with the remedy."""
    media_type, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if media_type.lower() == "multipart/form-data" and 0 < len(boundary.encode()) <= _MAX_BOUNDARY_BYTES:
        return boundary.encode()
    raise UnsupportedMediaType(
        "Send the file as multipart/form-data with a boundary in the Content-Type header (curl: -F file=@path)."
    )


class MultipartBody:
    """Feeds the decoder block by block and knows how far it is."""

    def __init__(self, stream: Readable, boundary: bytes):
        self._stream = stream
        self._decoder = MultipartDecoder(boundary, _DECODER_BYTES)
        self._unfinished_delimiter = re.compile(rb"--%s(?:-|[^\S\r\n]+)\Z" % re.escape(boundary))
        self._closing_bytes = len(b"\r\n--" + boundary + b"--\r\n")
        self._fed = 0

    def events(self) -> Iterator[Event]:
        """Every event up to the stream's end. Raises SpoolBroken (the form is cut off), InvalidRequest, TooLarge."""
        while block := self._block():
            yield from self._decoded(block)
        yield from self._decoded(None)

    def expected_size(self, content_length: int | None) -> int | None:
        """Asked when a part's headers have been decoded: its bytes if it is the last part and nothing follows it."""
        if content_length is None:
            return None
        decoded = self._fed - len(self._decoder.buffer) + len(b"\r\n")  # the empty line's break is still in the buffer
        size = content_length - decoded - self._closing_bytes
        return size if size >= 0 else None

    def _block(self) -> bytes:
        # werkzeug 3.1.9 takes a delimiter for data if what it has been fed ends after the delimiter's first closing
        # dash or inside its padding: one file got an extra CR. So never stop there.
        block = self._read(_BLOCK_BYTES)
        while block and self._ends_in_delimiter(block) and (more := self._read(1)):
            block += more
        self._fed += len(block)
        return block

    def _ends_in_delimiter(self, block: bytes) -> bool:
        tail = (self._decoder.buffer[-_TAIL_BYTES:] + block[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        return self._unfinished_delimiter.search(tail) is not None

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except RequestEntityTooLarge as error:
            raise TooLarge("The request body is larger than this gateway takes.") from error
        except Exception as error:  # each server has its own for a client that went away or broke the chunked coding
            raise _cut_off() from error

    def _decoded(self, block: bytes | None) -> Iterator[Event]:
        try:
            self._decoder.receive_data(block)
            while not isinstance(event := self._decoder.next_event(), NeedData):
                yield event
                if isinstance(event, Epilogue):
                    return
        except RequestEntityTooLarge as error:
            raise InvalidRequest("The headers of a form part, or what surrounds the parts, are too long.") from error
        except ValueError as error:
            raise (_cut_off() if block is None else _malformed()) from error


def _cut_off() -> SpoolBroken:
    return SpoolBroken("The request body ended before the form was complete.")


def _malformed() -> InvalidRequest:
    return InvalidRequest("The headers of a form part cannot be read: a Content-Disposition in UTF-8 is needed.")
