"""Ctrl-C and SIGTERM as an orderly end, for programs with something to stop. Knows nothing of the gateway."""

import signal
import sys

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_in_order() -> None:
    """From now on the first of these signals ends the process as `sys.exit` does; a second one does nothing."""
    for number in _SIGNALS:
        signal.signal(number, _end)


def ignore() -> None:
    """From now on neither does anything: the stopping of a database is not to be interrupted."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _end(number: int, _: object) -> None:
    ignore()
    sys.exit(128 + number)
