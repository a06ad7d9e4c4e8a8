"""Rewritten lines on their way to becoming inputs: one spool a place, cut where a job could take no more."""

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field

from managed_files.batch_records import BatchLimits
from managed_files.custom_ids import CustomIds
from managed_files.providers.batches import json_lines
from managed_files.records import Deployment
from managed_files.spool import Spool

_BLOCK = 64 * 1024  # bytes gathered before they go to the disk


@dataclass(slots=True)
class Unit:
    """The lines of one input. `target`: the model group that the whole file is rewritten for, if it is.

    `held`: the provider stores them; otherwise they wait with us.
    """

    target: str | None
    deployment: Deployment
    endpoint: str
    held: bool
    spool: Spool
    custom_ids: CustomIds = field(default_factory=CustomIds)
    lines: int = 0
    size: int = 0  # bytes
    _waiting: list[bytes] = field(default_factory=list)
    _waiting_bytes: int = 0

    def add(self, key: str, custom_id: str, line: bytes) -> None:
        """Appends a line."""
        self.custom_ids.add(key, custom_id)
        self.lines += 1
        self.size += len(line) + 1
        self._waiting += (line, b"\n")
        self._waiting_bytes += len(line) + 1
        if self._waiting_bytes >= _BLOCK:
            self.flush()

    def flush(self) -> None:
        """Brings what was gathered to the disk."""
        self.spool.write(b"".join(self._waiting))
        self._waiting, self._waiting_bytes = [], 0


class Units:
    """All inputs of one file, while its lines come in. To be closed."""

    def __init__(self) -> None:
        self._open: dict[Hashable, Unit] = {}
        self._all: list[Unit] = []

    def add(
        self,
        place: Hashable,
        new: Callable[[Spool], Unit],
        limits: BatchLimits,
        key: str,
        custom_id: str,
        line: bytes,
    ) -> None:
        """Appends a line to the place's unit, or to a `new` one where that is full."""
        unit = self._open.get(place)
        if unit is None or unit.lines == limits.lines or unit.size + len(line) >= limits.bytes:
            unit = self._open[place] = new(Spool())
            self._all.append(unit)
        unit.add(key, custom_id, line)

    def finished(self) -> list[Unit]:
        """Every unit, complete."""
        for unit in self._all:
            unit.flush()
            unit.spool.finish()
        return self._all

    def close(self) -> None:
        """Gives the disk space back."""
        for unit in self._all:
            unit.spool.close()


def chunks(unit: Unit, most_lines: int, most_bytes: int) -> Iterator[bytes]:
    """A finished unit's lines in pieces of so many whole lines; a longer line is a piece of its own."""
    reader, gathered, size = unit.spool.open(), list[bytes](), 0
    for line in json_lines(iter(lambda: reader.read(_BLOCK), b"")):
        if gathered and (len(gathered) == most_lines or size + len(line) > most_bytes):
            yield b"\n".join(gathered)
            gathered, size = [], 0
        gathered.append(line)
        size += len(line)
    if gathered:
        yield b"\n".join(gathered)
