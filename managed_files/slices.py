"""A stretch of incoming bytes as one HTTP body. Knows a reader, not where its bytes are kept."""

from managed_files.errors import LengthChanged
from managed_files.records import Reader


class Slice:
    """The next `length` bytes of a reader: `len()` is known before the bytes are there, `read()` waits for them."""

    def __init__(self, reader: Reader, length: int):
        self._reader = reader
        self._length = self._left = length

    def __len__(self) -> int:
        return self._length

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, at least one; b"" when the slice is used up. Raises LengthChanged if it cannot be."""
        if not self._left:
            return b""
        data = self._reader.read(min(size, self._left))
        if not data:
            raise LengthChanged("The file ended before the length that was announced.", param="file")
        self._left -= len(data)
        return data
