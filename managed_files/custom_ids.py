"""The client's ids of a batch's lines, packed: key → id in compressed blocks of JSON. Pure."""

import json
import zlib
from typing import Any

_BLOCK = 256  # ids; more at once would keep other threads from running while JSON is written or read
_PIECE = 64 * 1024  # bytes unpacked at once


class CustomIds:
    """Takes ids one by one and holds them packed, as fifty thousand of them may take more room than the rest."""

    def __init__(self) -> None:
        self._block: dict[str, str] = {}
        self._compressor: Any = zlib.compressobj()
        self._packed = bytearray()

    def add(self, key: str, custom_id: str) -> None:
        """`key`: of the line, which never comes twice."""
        self._block[key] = custom_id
        if len(self._block) == _BLOCK:
            self._pack()

    def packed(self) -> bytes:
        """All of them. Nothing may be added afterwards."""
        self._pack()
        self._packed += self._compressor.flush()
        return bytes(self._packed)

    def _pack(self) -> None:
        self._packed += self._compressor.compress(json.dumps(self._block).encode() + b"\n")
        self._block = {}


def unpacked(data: bytes) -> dict[str, str]:
    """Key → id, in the order in which they were added."""
    found, rest, decompressor = dict[str, str](), b"", zlib.decompressobj()
    for start in range(0, len(data), _PIECE):
        *blocks, rest = (rest + decompressor.decompress(data[start : start + _PIECE])).split(b"\n")
        for block in blocks:
            found |= json.loads(block)
    return found
