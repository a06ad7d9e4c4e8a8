"""Ctrl-C, SIGTERM and a closed terminal as an orderly end, for programs with something to stop. Knows no gateway."""

import signal
import sys
from collections.abc import Callable, Sequence

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def end_in_order(come: Sequence[int] = ()) -> None:
    """From now on the first of these signals ends the process as `sys.exit` does; a second one does nothing.

    `come`: those that `put_off` kept; the first of them counts now.
    """
    for number in _meant():
        signal.signal(number, _end)
    if come:
        _end(come[0], None)


def put_off() -> list[int]:
    """From now on these signals are only kept, in the returned list: what is begun now has to be known first."""
    come: list[int] = []
    for number in _meant():
        signal.signal(number, lambda number, _: come.append(number))
    return come


def pass_on(end: Callable[[], object], come: Sequence[int] = ()) -> None:
    """From now on `end` is called instead, but for Ctrl-C, which reaches all that runs in the terminal.

    `come`: as above; a process that was being started then has missed it.
    """
    for number in _meant():
        signal.signal(number, lambda number, _: None if number == signal.SIGINT else end())
    if come:
        end()


def ignore() -> None:
    """From now on none of them does anything: the stopping of a database is not to be interrupted."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _meant() -> list[signal.Signals]:
    """All but a hang-up under `nohup`."""
    return [
        number
        for number in _SIGNALS
        if number != signal.SIGHUP or signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    ]


def _end(number: int, _: object) -> None:
    ignore()
    sys.exit(128 + number)
