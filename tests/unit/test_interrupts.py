"""Signals that come while a process is being started are neither lost nor too early."""

import signal
import subprocess
import sys

from tests.e2e.gateway import REPOSITORY

_SENT = """import os
from managed_files import interrupts
come = interrupts.put_off()
os.kill(os.getpid(), 15)"""


def outcome(program: str) -> tuple[int, str]:
    """Exit status and output of what goes on after a SIGTERM that was put off."""
    command = [sys.executable, "-c", f"{_SENT}\nprint('known')\n{program}\nprint('goes on')"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_what_was_put_off_ends_the_process_once_it_may() -> None:
    assert outcome("interrupts.end_in_order(come)") == (143, "known\n")


def test_what_was_put_off_is_passed_on_once_it_can_be() -> None:
    assert outcome("interrupts.pass_on(lambda: print('told'), come)") == (0, "known\ntold\ngoes on\n")


def test_a_hang_up_under_nohup_ends_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert outcome("interrupts.end_in_order(); os.kill(os.getpid(), 1)") == (0, "known\ngoes on\n")
    finally:
        signal.signal(signal.SIGHUP, before)
