"""Lines on their way to their inputs: none is lost, moved or cut, wherever an input ends."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.batch_records import CHAT, BatchLimits
from managed_files.custom_ids import unpacked
from managed_files.records import Account, Deployment
from managed_files.services.batches.units import Unit, Units, chunks
from managed_files.spool import Spool

ACCOUNT = Account("a", "openai", {})
DEPLOYMENT = Deployment("gpt", "openai/gpt", "gpt", ACCOUNT, {})
LINES = st.lists(st.integers(1, 40).map(lambda size: b'"' + b"x" * size + b'"'), min_size=1, max_size=30)


def new(spool: Spool) -> Unit:
    return Unit(None, DEPLOYMENT, CHAT, True, spool)


def gathered(lines: list[bytes], limits: BatchLimits, units: Units) -> list[Unit]:
    """The inputs that the lines come to."""
    for number, line in enumerate(lines):
        units.add("gpt", new, limits, str(number), f"id {number}", line)
    return units.finished()


def text(unit: Unit) -> bytes:
    return b"".join(unit.spool.written())


@pytest.fixture
def units() -> Iterator[Units]:
    with closing(Units()) as units:
        yield units


@settings(deadline=None)
@given(LINES, st.integers(1, 7), st.integers(50, 200))
def test_inputs_together_are_the_file_and_each_keeps_its_limits(lines: list[bytes], most: int, size: int) -> None:
    with closing(Units()) as units:
        found = gathered(lines, BatchLimits(most, size), units)
        assert b"".join(map(text, found)) == b"".join(line + b"\n" for line in lines)
        assert all(unit.lines <= most and len(text(unit)) <= size for unit in found)


@settings(deadline=None)
@given(LINES, st.integers(1, 7), st.integers(1, 200))
def test_chunks_together_are_the_input(lines: list[bytes], most: int, size: int) -> None:
    with closing(Units()) as units:
        [unit] = gathered(lines, BatchLimits(), units)
        pieces = [piece.split(b"\n") for piece in chunks(unit, most, size)]
        assert [line for piece in pieces for line in piece] == lines
        assert all(len(piece) <= most and (len(piece) == 1 or sum(map(len, piece)) <= size) for piece in pieces)


def test_every_line_keeps_its_key(units: Units) -> None:
    found = gathered([b"1", b"2", b"3"], BatchLimits(lines=2), units)
    assert [unpacked(unit.custom_ids.packed()) for unit in found] == [{"0": "id 0", "1": "id 1"}, {"2": "id 2"}]
