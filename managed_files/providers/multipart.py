"""An outgoing multipart/form-data body that is read while it is sent: text fields, then one file. Knows no provider."""

import re
import secrets
from collections.abc import Iterable, Mapping

from managed_files.upstream import Body

# As the OpenAI SDKs write names: raw UTF-8, quotes and control characters percent-encoded, backslashes doubled.
_ESCAPES = {code: f"%{code:02X}" for code in (*range(0x20), 0x7F, ord('"'))} | {ord("\\"): "\\\\"}
_MEDIA_TYPE = re.compile(r"[\x20-\x7e]+").fullmatch


class MultipartFile:
    """The body for a file of `size` bytes: its length is told before the first byte is read. Read once, by one thread.

    `fields`: names and values, in order; `name`: the file's field; `content_type`: of the file. A `content_type` that
    is not one printable line becomes `application/octet-stream`.
    """

    def __init__(
        self,
        fields: Mapping[str, str] | Iterable[tuple[str, str]],
        name: str,
        filename: str,
        content_type: str,
        reader: Body,
        size: int,
    ):
        boundary = secrets.token_hex(16)
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        parts = [f"{_disposition(boundary, field)}\r\n\r\n{value}\r\n" for field, value in pairs]
        media_type = content_type if _MEDIA_TYPE(content_type) else "application/octet-stream"
        parts.append(f'{_disposition(boundary, name)}; filename="{filename.translate(_ESCAPES)}"\r\n')
        parts.append(f"Content-Type: {media_type}\r\n\r\n")
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._before = "".join(parts).encode(errors="replace")
        self._reader = reader
        self._in_file = True
        self._after = f"\r\n--{boundary}--\r\n".encode()
        self._length = len(self._before) + size + len(self._after)

    def __len__(self) -> int:
        return self._length

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, b"" at the end. Blocks and raises as the file's reader does."""
        if self._before:
            piece, self._before = self._before[:size], self._before[size:]
            return piece
        if self._in_file:
            if block := self._reader.read(size):
                return block
            self._in_file = False
        piece, self._after = self._after[:size], self._after[size:]
        return piece


def _disposition(boundary: str, name: str) -> str:
    return f'--{boundary}\r\nContent-Disposition: form-data; name="{name.translate(_ESCAPES)}"'
