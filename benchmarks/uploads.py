"""Uploads: memory of the worker, and wall time against that of the slowest party alone."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from benchmarks import stage
from benchmarks.processes import forget_peak, peak, resident
from benchmarks.report import Figure
from managed_files.ids import new_file_id
from managed_files.providers.registry import CATALOG, build
from managed_files.records import Account, Upload
from managed_files.settings import parse
from managed_files.upstream import Upstream

_MIB = 1024 * 1024
_MEGABYTE = 1_000_000
_TIMED_MIB = 256
_SENDER = 100  # MB/s
_LIMITS = ("--max-file-bytes", str(8 << 30), "--keep-up-to", "0")  # nothing is kept: the disk is not what is measured


def memory(size_mib: int = 1024) -> list[Figure]:
    """How much the worker grows while it sends one file to two providers."""
    with (
        TemporaryDirectory() as folder,
        stage.sandbox(*_LIMITS) as facts,
        stage.gateway(Path(folder), stage.config(facts)) as gateway,
    ):
        idle = resident(gateway.worker)
        forget_peak(gateway.worker)
        _uploaded(gateway, size_mib, rate=0)
        grown = (peak(gateway.worker) - idle) / _MIB
    return [Figure(f"upload of {size_mib} MiB to two targets: growth of peak RSS", grown, 32, "MiB")]


def wall_time() -> list[Figure]:
    """With sender and providers held to a rate, against receiving alone and the slowest provider alone."""
    with (
        TemporaryDirectory() as folder,
        stage.sandbox(*_LIMITS) as facts,
        stage.hello(Path(folder)) as hello,
        stage.gateway(Path(folder), stage.config(facts)) as gateway,
    ):
        receiving = stage.client("upload", hello.port, "/sink", _TIMED_MIB, _SENDER * _MEGABYTE)["seconds"]
        return [_timed(rate, facts, gateway, receiving) for rate in (100, 40)]


def _timed(provider_rate: int, facts: Mapping[str, Any], gateway: stage.Served, receiving: float) -> Figure:
    for provider in (facts["openai"]["url"], facts["google"]["url"]):
        pace = {"method": "*", "times": None, "receive_rate": provider_rate * _MEGABYTE}
        stage.steer(provider, "reset", {})
        stage.steer(provider, "faults", pace)
    accounts = parse(stage.config(facts), CATALOG).accounts.values()
    alone = max(_direct(account) for account in accounts if account.params.get("api_base") != "http://127.0.0.1:9/v1")
    whole = _uploaded(gateway, _TIMED_MIB, rate=_SENDER * _MEGABYTE)
    what = f"upload, sender {_SENDER} MB/s, providers {provider_rate} MB/s: time / max(receiving, slowest alone)"
    return Figure(what, whole / max(receiving, alone), 1.15, "×")


def _uploaded(gateway: stage.Served, size_mib: int, rate: float) -> float:
    sent = stage.client("upload", gateway.port, "/files", size_mib, rate)
    if sent["status"] != 200:
        raise RuntimeError(f"the upload failed: {sent['answer']}")
    return float(sent["seconds"])


def _direct(account: Account) -> float:
    """Seconds in which the provider's adapter sends the same file when all of it is there."""
    upload = Upload(new_file_id(), "big.bin", "application/pdf", "user_data", Generated(_TIMED_MIB * _MIB))
    provider = build(account, Upstream())
    began = monotonic()
    provider.upload(upload)
    return monotonic() - began


class Generated:
    """A records.Source of zeros that need no room."""

    def __init__(self, size: int):
        self._size = size

    def size(self) -> int:
        return self._size

    def wait(self) -> int:
        return self._size

    def open(self, offset: int = 0) -> "GeneratedReader":
        return GeneratedReader(self._size - offset)


class GeneratedReader:
    """One cursor."""

    def __init__(self, left: int):
        self._left = left

    def read(self, size: int, /) -> bytes:
        size = min(size, self._left)
        self._left -= size
        return bytes(size)

    def available(self, size: int, /) -> int:
        return min(size, self._left)
