"""Cuts a stream of events at odd byte borders, as networks deliver it. Pure functions."""

from collections.abc import Iterator
from itertools import cycle

_ODD_BORDERS = (7, 131, 3, 61, 257, 1, 89)


def at_odd_borders(events: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that end inside of events and letters, as networks deliver them."""
    sizes = cycle(_ODD_BORDERS)
    kept = b""
    size = next(sizes)
    for event in events:
        kept += event
        while len(kept) >= size:
            yield kept[:size]
            kept = kept[size:]
            size = next(sizes)
    if kept:
        yield kept
