"""The body that makes a message batch, read as a stream: one JSON object with one long array. Knows no batches."""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any

_HEAD = re.compile(r'\s*\{\s*"requests"\s*:\s*\[')
_END = re.compile(r"\s*\]\s*\}\s*")
_COMMA = re.compile(r"\s*,")
_SPACE = re.compile(r"\s*")
_AHEAD = 256  # letters that are looked at for what stands between two values


class NotTheShape(ValueError):
    """The body is not `{"requests": […]}`."""


class _Text:
    """Letters that arrive in pieces; what has been read is forgotten."""

    def __init__(self, pieces: Iterator[bytes]):
        self._pieces = pieces
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text = ""
        self._at = 0
        self._ended = False

    def took(self, pattern: re.Pattern[str]) -> bool:
        """Whether this stands here; then it has been read."""
        while len(self._text) - self._at < _AHEAD and not self._ended:
            self._grow()
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return found is not None

    def value(self) -> Any:
        """The JSON value that stands here. Raises ValueError."""
        self.took(_SPACE)
        while True:
            try:
                found, self._at = json.JSONDecoder().raw_decode(self._text, self._at)
            except ValueError:
                if self._ended:
                    raise
                self._grow()
            else:
                return found

    @property
    def ended(self) -> bool:
        return self._ended and self._at == len(self._text)

    def _grow(self) -> None:
        piece = next(self._pieces, b"")
        self._text, self._at = self._text[self._at :] + self._decode(piece, not piece), 0
        self._ended = not piece


def requests_in(pieces: Iterator[bytes]) -> Iterator[Any]:
    """The array's values, one by one. Raises NotTheShape, ValueError for what is no JSON."""
    text = _Text(pieces)
    if not text.took(_HEAD):
        raise NotTheShape
    if not text.took(_END):
        yield text.value()
        while text.took(_COMMA):
            yield text.value()
        if not text.took(_END):
            raise NotTheShape
    if not text.ended:
        raise NotTheShape
