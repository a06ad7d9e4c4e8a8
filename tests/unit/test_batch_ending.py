"""How a batch ends, for every way in which its parts may."""

from itertools import combinations

import pytest

from managed_files.services.batches.ending import FINAL, ended_as

MIXES = [set(mix) for size in range(1, 5) for mix in combinations(sorted(FINAL), size)]
# The first of these that is among the parts' ends is the batch's.
ORDER = ("completed", "expired", "cancelled", "failed")


@pytest.mark.parametrize("states", MIXES, ids=sorted)
def test_the_best_end_of_a_part_is_the_batchs(states: set[str]) -> None:
    assert ended_as(states, cancelling=False) == min(states, key=ORDER.index)


@pytest.mark.parametrize("states", MIXES, ids=sorted)
def test_what_was_cancelled_is_cancelled_unless_all_of_it_was_done(states: set[str]) -> None:
    assert ended_as(states, cancelling=True) == ("completed" if states == {"completed"} else "cancelled")
