"""A worker's life: how fast it starts, what it holds when idle, how it ends."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import stage
from benchmarks.processes import resident
from benchmarks.report import Figure

_PIECES, _INTERVAL = 20, 0.1


def life() -> list[Figure]:
    """The first start makes the database; the second is the warm one."""
    with TemporaryDirectory() as folder, stage.sandbox() as facts, stage.stream_provider() as provider:
        config = stage.config(facts, provider)
        with stage.gateway(Path(folder), config):
            pass
        began = time.monotonic()
        with stage.gateway(Path(folder), config) as gateway:
            warm = time.monotonic() - began
            idle = resident(gateway.worker) / 1_000_000
            broken, waited = _ended(gateway)
            left = int((Path(folder) / "data" / "postgres" / "postmaster.pid").exists())
    return [
        Figure("idle worker: RSS", idle, 80, "MB"),
        Figure("warm start to the first answer", warm, 3, "s"),
        Figure("SIGTERM: running streams that did not end whole", broken, 0, ""),
        Figure("SIGTERM: postmaster.pid of the embedded PostgreSQL left after the exit", left, 0, ""),
        Figure("  seconds from the stream's end to the exit", waited, None, "s"),
    ]


def _ended(gateway: stage.Served) -> tuple[int, float]:
    """SIGTERM while a stream runs: whether the stream was broken, and how long the exit took after it."""
    command = [sys.executable, "-m", "benchmarks.clients.streams", str(gateway.port), "1", str(_PIECES), str(_INTERVAL)]
    with stage.running(command, stdout=subprocess.PIPE) as client:
        assert client.stdout is not None
        client.stdout.readline()
        gateway.master.send_signal(signal.SIGTERM)
        answer = json.loads(client.stdout.readline())
        ended = time.monotonic()
        gateway.master.wait(60)
        return 1 - answer["finished"], time.monotonic() - ended
