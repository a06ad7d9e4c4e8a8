"""The files of a stand-in: kept by id until they are removed or end. Knows no provider."""

import threading
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from managed_files.sandbox.forms import BrokenForm, Form, read_form
from managed_files.sandbox.store import Blob, Shelf
from managed_files.sandbox.wire import Refused, Request


class Kept(Protocol):
    """A file with its bytes."""

    @property
    def id(self) -> str: ...

    @property
    def blob(self) -> Blob: ...

    @property
    def over(self) -> bool:
        """Whether its life has ended."""


F = TypeVar("F", bound=Kept)


class KeptFiles(Generic[F]):
    """Files and their bytes. Safe from any thread."""

    def __init__(self, shelf: Shelf):
        self._shelf = shelf
        self._lock = threading.Lock()
        self._files: dict[str, F] = {}

    @property
    def files(self) -> Mapping[str, F]:
        """Those whose life has not ended, by id, oldest first."""
        with self._lock:
            return {key: file for key, file in self._files.items() if not file.over}

    def put(self, file: F) -> F:
        with self._lock:
            self._files[file.id] = file
        return file

    def remove(self, file: F) -> bool:
        """Whether it was still there; of two who remove it at once, one only did."""
        with self._lock:
            gone = self._files.pop(file.id, None)
        self._shelf.remove(file.blob)
        return gone is not None

    def clear(self) -> None:
        with self._lock:
            files, self._files = self._files, {}
        for file in files.values():
            self._shelf.remove(file.blob)

    def received(self, request: Request, broken: Callable[[BrokenForm], Refused], checked: Callable[[Form], F]) -> F:
        """The file of a form, kept once it is `checked`. Raises what that raises, or `broken` for no form at all."""
        try:
            form = read_form(request, self._shelf)
        except BrokenForm as error:
            raise broken(error) from error
        try:
            return self.put(checked(form))
        except Refused:
            if form.file:
                self._shelf.remove(form.file.blob)
            raise
