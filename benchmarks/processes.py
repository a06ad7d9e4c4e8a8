"""What a process uses, as the kernel counts it. Linux only."""

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil

_LIBC = ctypes.CDLL(None)


def resident(process: psutil.Process) -> int:
    """Bytes of memory that the process holds now (RSS)."""
    return int(process.memory_info().rss)


def forget_peak(process: psutil.Process) -> None:
    """Starts the kernel's record of the highest RSS anew: https://docs.kernel.org/filesystems/proc.html, clear_refs."""
    Path(f"/proc/{process.pid}/clear_refs").write_text("5")


def peak(process: psutil.Process) -> int:
    """Highest RSS since `forget_peak`, in bytes: no sampling, so nothing is missed."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    kib = next(line for line in lines if line.startswith("VmHWM:")).split()[1]
    return int(kib) * 1024


def cpu_seconds(process: psutil.Process) -> float:
    """User and system time of all its threads, ended ones too. /proc counts it in steps of 10 ms, its clock in ns."""
    clock = ctypes.c_int()
    if error := _LIBC.clock_getcpuclockid(process.pid, ctypes.byref(clock)):
        raise OSError(error, os.strerror(error))
    return time.clock_gettime(clock.value)


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 60.0) -> None:
    """Asks every 5 ms. Raises TimeoutError."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout:.0f} s")
        time.sleep(0.005)
