"""Lines of a batch out of a CSV file and a prompt. Knows both formats; no HTTP."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, TextIO

from managed_files.batch_lines import dumped
from managed_files.batch_records import CHAT
from managed_files.errors import InvalidRequest

_MARKS = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_LONGEST_CELL = 16 * 1024 * 1024  # characters; Python's own limit of 131,072 is too small for texts


class Template:
    """A text with `{column}` in it; `{{` and `}}` stand for the braces themselves."""

    def __init__(self, text: str):
        """Raises InvalidRequest for a brace that has no other."""
        self._pieces: list[tuple[str, str | None]] = []
        end = 0
        for mark in _MARKS.finditer(text):
            before, end = text[end : mark.start()], mark.end()
            if mark[0] in ("{{", "}}"):
                self._pieces.append((before + mark[0][0], None))
            elif mark[1]:
                self._pieces.append((before, mark[1]))
            else:
                raise InvalidRequest(
                    f"{text[: mark.end()][-40:]!r} ends with a lone brace. Write {{{{ or }}}} for one."
                )
        self._pieces.append((text[end:], None))

    @property
    def columns(self) -> list[str]:
        """The columns that it names, in order."""
        return [column for _, column in self._pieces if column is not None]

    def filled(self, cells: Mapping[str, str]) -> str:
        """The text with these cells. Nothing in a cell counts as a column or a brace."""
        return "".join(text + (cells[column] if column is not None else "") for text, column in self._pieces)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What becomes of a row. `fields`: more of the request's body; `id_column`: where custom ids come from."""

    model: str
    prompt: Template
    system: Template | None = None
    id_column: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Every column that it needs."""
        system = self.system.columns if self.system else []
        return [*self.prompt.columns, *system, *([self.id_column] if self.id_column else [])]

    def line(self, custom_id: str, cells: Mapping[str, str]) -> bytes:
        """One line of a batch, with its newline."""
        system = [{"role": "system", "content": self.system.filled(cells)}] if self.system else []
        messages = [*system, {"role": "user", "content": self.prompt.filled(cells)}]
        body = {"model": self.model, "messages": messages, **self.fields}
        return dumped({"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body}) + b"\n"


def lines(path: Path, recipe: Recipe) -> Iterator[bytes]:
    """A line of a batch for each row of a CSV file in UTF-8 with a header. One row is in memory at a time.

    Raises InvalidRequest naming the file, and its line where there is one: it cannot be read, it lacks a column or
    has no rows, a row is not as long as the header, two rows have one id.
    """
    with _opened(path) as file:
        rows = _rows(path, file)
        header = next(rows, (1, []))[1]
        places = _places(path, header, recipe.columns)
        seen, count = dict[bytes, int](), 0
        for count, (number, row) in enumerate(rows, start=1):
            if len(row) != len(header):
                raise _bad(path, f"{len(row)} cells, but the header has {len(header)}", number)
            cells = {column: row[place] for column, place in places.items()}
            custom_id = f"row-{count}"
            if recipe.id_column is not None:
                custom_id = cells[recipe.id_column]
                _check_id(path, recipe.id_column, custom_id, number, seen)
            yield recipe.line(custom_id, cells)
        if not count:
            raise _bad(path, "it has no rows below its header")


def _check_id(path: Path, column: str, custom_id: str, number: int, seen: dict[bytes, int]) -> None:
    """`seen` holds digests, as ids may be long and rows many."""
    if not custom_id:
        raise _bad(path, f"the column {column!r} is empty", number)
    earlier = seen.setdefault(blake2b(custom_id.encode(), digest_size=12).digest(), number)
    if earlier != number:
        raise _bad(path, f"the id {custom_id[:100]!r} stands in line {earlier} too; each row needs its own", number)


def _places(path: Path, header: Sequence[str], columns: Sequence[str]) -> dict[str, int]:
    for column in columns:
        if header.count(column) != 1:
            problem = "has no column" if column not in header else "has more than one column"
            known = ", ".join(header) or "none"
            raise _bad(path, f"it {problem} {column!r}. Its columns: {known}. A brace itself is written {{{{ or }}}}")
    return {column: header.index(column) for column in columns}


def _rows(path: Path, file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not blank, with the number of the line on which it begins."""
    reader = csv.reader(file, strict=True)
    number = 1
    try:
        for row in reader:
            if row:
                yield number, row
            number = reader.line_num + 1
    except csv.Error as error:
        raise _bad(path, f"it is not CSV: {error}", reader.line_num) from error
    except UnicodeDecodeError as error:
        raise _bad(path, "it is not in UTF-8. Save it so") from error


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    limit = csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except OSError as error:
        raise _bad(path, f"it cannot be read: {error.strerror}") from error
    finally:
        csv.field_size_limit(limit)


def _bad(path: Path, why: str, number: int | None = None) -> InvalidRequest:
    return InvalidRequest(f"{path}{'' if number is None else f', line {number}'}: {why}.")
