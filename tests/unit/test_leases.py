"""Leases are renewed as long as something is held, and no longer."""

from collections.abc import Sequence

from managed_files.services.leases import LeaseKeeper


class Table:
    """Notes what is renewed."""

    def __init__(self) -> None:
        self.renewed: list[list[str]] = []

    def renew_leases(self, ids: Sequence[str], lease: float) -> None:
        self.renewed.append(list(ids))


def test_nothing_is_renewed_once_nothing_is_held() -> None:
    table = Table()
    keeper = LeaseKeeper(table, lease=0.0)  # renewed without a pause
    for _ in range(1000):
        with keeper.hold("row"):
            pass
    assert [ids for ids in table.renewed if ids != ["row"]] == []
