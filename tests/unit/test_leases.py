"""Leases are renewed as long as anybody in the process holds them, and no longer."""

import threading
from collections.abc import Sequence

from managed_files.services.leases import LEASE, LeaseKeeper
from managed_files.settings import Settings


class Table:
    """Notes what is renewed."""

    def __init__(self) -> None:
        self.renewed: list[list[str]] = []
        self.seen = threading.Event()

    def renew_leases(self, ids: Sequence[str], lease: float) -> None:
        self.renewed.append(list(ids))
        self.seen.set()


def test_nothing_is_renewed_once_nothing_is_held() -> None:
    table = Table()
    keeper = LeaseKeeper(table, lease=0.0)  # renewed without a pause
    for _ in range(1000):
        with keeper.hold("row"):
            pass
    assert [ids for ids in table.renewed if ids != ["row"]] == []


def test_what_is_held_twice_is_renewed_until_both_are_through() -> None:
    table, before = Table(), set(threading.enumerate())
    keeper = LeaseKeeper(table, lease=0.04)
    with keeper.hold("a"):
        with keeper.hold("a"):
            pass
        table.seen.clear()
        assert table.seen.wait(10)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert (set(map(tuple, table.renewed)), set(threading.enumerate()) - before) == ({("a",)}, set())


def test_what_crashed_is_over_within_a_minute() -> None:
    """The lease may just have been renewed; then another node takes the lead, and has its first pass."""
    assert LEASE + 2 * Settings().reconcile_interval <= 60
