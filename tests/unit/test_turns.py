"""Threads take short turns while one of them is busy, and only then."""

import sys

from managed_files.turns import ShortTurns


def test_turns_are_short_until_the_last_busy_thread_is_done() -> None:
    turns, usual = ShortTurns(), sys.getswitchinterval()
    seen = []
    with turns:
        with turns:
            seen.append(sys.getswitchinterval())
        seen.append(sys.getswitchinterval())
    seen.append(sys.getswitchinterval())
    assert seen == [0.001, 0.001, usual]
