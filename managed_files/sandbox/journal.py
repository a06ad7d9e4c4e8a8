"""What a stand-in received and when it answered, for tests that ask or wait. Knows the standard library only."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, overload

KEPT_BODY = 1 << 20


@dataclass
class Recorded:
    """One request. `at` and the times in `sent` are `time.monotonic()` seconds, comparable between processes.

    `query` and `headers` hold one value a name, header names in lower case. `body` is None above 1 MiB. `size`
    grows while the body arrives; `status` is None until an answer begins; `sent` is (time, bytes) of each piece
    of a streamed answer; `error` says how the exchange broke.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    at: float = field(default_factory=time.monotonic)
    size: int = 0
    sha256: str = ""
    body: bytes | None = field(default=b"", repr=False)
    status: int | None = None
    finished: bool = False
    error: str | None = None
    sent: list[tuple[float, int]] = field(default_factory=list, repr=False)

    def json(self) -> Any:
        """The body as JSON. Raises ValueError when it is none, or was too large to keep."""
        if self.body is None:
            raise ValueError(f"the body of {self.size} bytes was not kept")
        return json.loads(self.body)

    def summary(self) -> dict[str, Any]:
        """Plain values for the control interface; the body as text."""
        plain = {name: value for name, value in vars(self).items() if name != "body"}
        return {**plain, "body": None if self.body is None else self.body.decode("utf-8", "replace")}


class BodyTap:
    """Copies the bytes of one body into its record as they arrive."""

    def __init__(self, journal: "Journal", recorded: Recorded):
        self._journal = journal
        self._recorded = recorded
        self._digest = hashlib.sha256()
        self._kept = bytearray()

    def __call__(self, data: bytes) -> None:
        self._digest.update(data)
        size = self._recorded.size + len(data)
        if size <= KEPT_BODY:
            self._kept += data
        self._journal.note(self._recorded, size=size)

    def __enter__(self) -> "BodyTap":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The body is read as far as it will be: the figures become final."""
        whole = bytes(self._kept) if self._recorded.size <= KEPT_BODY else None
        self._journal.note(self._recorded, sha256=self._digest.hexdigest(), body=whole)


class Journal(Sequence[Recorded]):
    """All requests in order of arrival. Safe from any thread; iteration sees a snapshot."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._records: list[Recorded] = []

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Recorded: ...
    @overload
    def __getitem__(self, index: slice) -> list[Recorded]: ...
    def __getitem__(self, index: int | slice) -> Recorded | list[Recorded]:
        with self._changed:
            return self._records[index]

    def __iter__(self) -> Iterator[Recorded]:
        return iter(self[:])

    def add(self, recorded: Recorded) -> None:
        with self._changed:
            self._records.append(recorded)
            self._changed.notify_all()

    def note(self, recorded: Recorded, **changes: Any) -> None:
        """Changes fields of a record and wakes whoever waits for it."""
        with self._changed:
            for name, value in changes.items():
                setattr(recorded, name, value)
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._records.clear()

    def wait_for(self, wanted: Callable[[Recorded], bool], timeout: float = 10.0, count: int = 1) -> list[Recorded]:
        """The records that `wanted` accepts, as soon as there are `count` of them. Raises TimeoutError."""

        def found() -> list[Recorded]:
            return [recorded for recorded in self._records if wanted(recorded)]

        with self._changed:
            if not self._changed.wait_for(lambda: len(found()) >= count, timeout):
                raise TimeoutError(
                    f"{len(found())} of {count} requests within {timeout} s; seen: {self._records[-10:]}"
                )
            return found()
