"""Bytes of a resumable upload of which only whole units are safe before the end. Knows no protocol."""

from managed_files.sandbox.store import Blob, Writer


class Partial:
    """Takes pieces of any size; `tail` holds what came of the next unit, and is lost with its connection."""

    def __init__(self, writer: Writer, unit: int):
        self._writer = writer
        self._unit = unit
        self.tail = b""

    @property
    def stored(self) -> int:
        """Bytes that are safe."""
        return self._writer.size

    @property
    def received(self) -> int:
        """Bytes that came, safe or not."""
        return self._writer.size + len(self.tail)

    def take(self, data: bytes) -> None:
        self.tail += data
        whole = len(self.tail) // self._unit * self._unit
        if whole:
            self._writer.write(self.tail[:whole])
            self.tail = self.tail[whole:]

    def lose_tail(self) -> None:
        self.tail = b""

    def commit(self) -> Blob:
        """The end: the tail counts as well."""
        self._writer.write(self.tail)
        self.lose_tail()
        return self._writer.commit()

    def discard(self) -> None:
        self._writer.discard()
