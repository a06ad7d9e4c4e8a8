"""Chat with a managed file: statements, upstream calls, and CPU against a bare Flask application's."""

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from benchmarks import stage
from benchmarks.caller import Caller, calling
from benchmarks.processes import cpu_seconds
from benchmarks.report import Figure

_ROUNDS = 80
_CONNECTIONS = 4
_CHATS_EACH, _HELLOS_EACH = 50, 150  # rounds of about the same length
_PATH = "/chat/completions"


def chat() -> list[Figure]:
    """Short rounds in pairs, in random order, so that whatever else the machine does weighs on both alike."""
    with (
        TemporaryDirectory() as folder,
        stage.sandbox() as facts,
        stage.hello(Path(folder)) as hello,
        stage.gateway(Path(folder), stage.config(facts)) as gateway,
        calling(_CONNECTIONS) as caller,
    ):
        ask = partial(_cpu_of, gateway, caller, "POST", _PATH, _question(_file_id(gateway)), _CHATS_EACH)
        greet = partial(_cpu_of, hello, caller, "GET", "/", "", _HELLOS_EACH)
        _pair(ask, greet)  # connections, caches and lazy parts
        rounds = [_pair(ask, greet) for _ in range(_ROUNDS)]
        line = gateway.requests(f"POST {_PATH}")[-1]
    ratios = [ours / bare for ours, bare in rounds]
    low, _, high = quantiles(ratios, n=4)
    return [
        Figure("chat with a managed file: SQL statements", line["statements"], 1, ""),
        Figure("chat with a managed file: upstream calls", line["upstream_calls"], 1, ""),
        Figure("chat with a managed file: CPU / that of a bare Flask hello", median(ratios), 2.5, "×"),
        Figure("  a quarter of the rounds were below", low, None, "×"),
        Figure("  a quarter of the rounds were above", high, None, "×"),
        Figure("  CPU of one chat request", median(ours for ours, _ in rounds) * 1000, None, "ms"),
        Figure("  CPU of one hello", median(bare for _, bare in rounds) * 1000, None, "ms"),
    ]


def _pair(ask: Callable[[], float], greet: Callable[[], float]) -> tuple[float, float]:
    if random.random() < 0.5:
        return ask(), greet()
    bare = greet()
    return ask(), bare


def _cpu_of(served: stage.Served, caller: Caller, method: str, path: str, body: str, times: int) -> float:
    """Seconds of the worker's CPU for one request, in a round of `times` on each connection."""
    before = cpu_seconds(served.worker)
    caller.repeat(served.port, method, path, body, times)
    return (cpu_seconds(served.worker) - before) / (_CONNECTIONS * times)


def _file_id(gateway: stage.Served) -> str:
    answer = stage.client("upload", gateway.port, "/files", 1, 0)["answer"]
    return str(json.loads(answer)["id"])


def _question(file_id: str) -> str:
    parts = [{"type": "text", "text": "What is in this file?"}, {"type": "file", "file": {"file_id": file_id}}]
    return json.dumps({"model": stage.GPT, "messages": [{"role": "user", "content": parts}]})
