"""Streams: how late a piece is relayed, and what a thousand of them at once cost."""

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import stage
from benchmarks.processes import resident
from benchmarks.report import Figure

_CROWD = 1000
_CROWD_PIECES, _CROWD_INTERVAL = 12, 2.0
_FEW, _FEW_PIECES, _FEW_INTERVAL = 10, 500, 0.02


def streams() -> list[Figure]:
    """Latency with ten streams of fifty pieces a second each; memory with a thousand."""
    with (
        TemporaryDirectory() as folder,
        stage.sandbox() as facts,
        stage.stream_provider() as provider,
        stage.gateway(Path(folder), stage.config(facts, provider)) as gateway,
    ):
        few = stage.client("streams", gateway.port, _FEW, _FEW_PIECES, _FEW_INTERVAL)
        direct = stage.client("streams", provider.rpartition(":")[2], _FEW, _FEW_PIECES, _FEW_INTERVAL)
        kilobytes, crowd = _crowd(gateway)
    return [
        Figure("stream: a piece from provider to client, median", few["p50"], 5, "ms"),
        Figure("stream: a piece from provider to client, 99th percentile", few["p99"], 5, "ms"),
        Figure("  the same without the gateway, 99th percentile", direct["p99"], None, "ms"),
        Figure(f"{_CROWD} streams open at once: RSS each", kilobytes, 80, "KB"),
        Figure(f"{_CROWD} streams open at once: not finished", _CROWD - crowd["finished"], 0, ""),
        Figure("  a piece from provider to client among them, median", crowd["p50"], None, "ms"),
    ]


def _crowd(gateway: stage.Served) -> tuple[float, dict[str, float]]:
    """Highest memory per stream, in kB of 1,000 bytes, from the moment all are open; and what became of them."""
    idle = resident(gateway.worker)
    command = [sys.executable, "-m", "benchmarks.clients.streams"]
    arguments = [str(gateway.port), str(_CROWD), str(_CROWD_PIECES), str(_CROWD_INTERVAL)]
    with stage.running([*command, *arguments], stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        client.stdout.readline()
        highest = 0
        while client.poll() is None:  # it grows with the first few pieces
            highest = max(highest, resident(gateway.worker))
            time.sleep(0.05)
        return (highest - idle) / _CROWD / 1000, json.loads(client.stdout.readline())
