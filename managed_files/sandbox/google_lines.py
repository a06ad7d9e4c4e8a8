"""The lines of a batch's input and output, as both of Google's platforms have them. Knows where bytes are kept."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from managed_files.sandbox.answers import Json
from managed_files.sandbox.google_errors import invalid
from managed_files.sandbox.json_text import compact
from managed_files.sandbox.store import Blob


class Lines:
    """The lines of a stored JSONL file, each read when it is asked for. Raises a 400 for one that is no JSON object."""

    def __init__(self, blob: Blob, name: str):
        if blob.path is None or not blob.path.exists():
            raise invalid(f"{name} cannot be read.")
        self._path = blob.path
        self._spans: list[tuple[int, int]] = []
        start = 0
        with self._path.open("rb") as file:
            for number, text in enumerate(file, 1):
                if text.strip():
                    _checked(text, f"{name}: line {number}")
                    self._spans.append((start, len(text)))
                start += len(text)

    def __len__(self) -> int:
        return len(self._spans)

    def read(self, numbers: Iterable[int]) -> Iterator[Json]:
        """The lines with these numbers, counted from 0."""
        with self._path.open("rb") as file:
            for number in numbers:
                start, length = self._spans[number]
                file.seek(start)
                yield json.loads(file.read(length))


def _checked(text: bytes, where: str) -> None:
    try:
        line: Any = json.loads(text)
    except ValueError as error:
        raise invalid(f"Failed to import data. {where} is not valid JSON: {error}") from error
    if not isinstance(line, dict) or not isinstance(line.get("request"), dict):
        raise invalid(f"Failed to import data. {where} has no object 'request'.")


def json_line(content: Json) -> bytes:
    return compact(content) + b"\n"
