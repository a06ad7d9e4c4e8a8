"""The client's ids come out of their packing as they went in, and stay small within it."""

import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.custom_ids import CustomIds, unpacked

MANY = 5000


def packed(ids: dict[str, str]) -> bytes:
    packing = CustomIds()
    for key, custom_id in ids.items():
        packing.add(key, custom_id)
    return packing.packed()


@given(st.dictionaries(st.integers(0).map(str), st.text()))
@settings(deadline=None)
def test_ids_come_back_in_order(ids: dict[str, str]) -> None:
    assert list(unpacked(packed(ids)).items()) == list(ids.items())


def test_many_ids_come_back() -> None:
    ids = {str(number): f"request\n{number:064d}" for number in range(MANY)}
    assert unpacked(packed(ids)) == ids


def test_half_a_surrogate_pair_comes_back() -> None:
    assert unpacked(packed({"1": "\ud83d"})) == {"1": "\ud83d"}


def test_long_ids_take_little_room() -> None:
    tracemalloc.start()
    packing = CustomIds()
    for number in range(MANY):
        packing.add(str(number), f"{number:0512d}")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MANY * 512 / 2
