"""Chat with a managed file: statements, upstream calls, and CPU against a bare Flask application's."""

import json
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import stage
from benchmarks.processes import cpu_seconds
from benchmarks.report import Figure

_ROUNDS = 9
_CONNECTIONS = 4
_CALLS_EACH = 250
_ROUTE = "POST /chat/completions"


def chat() -> list[Figure]:
    """The two take turns, so that whatever else the machine does weighs on both alike."""
    with (
        TemporaryDirectory() as folder,
        stage.sandbox() as facts,
        stage.hello(Path(folder)) as hello,
        stage.gateway(Path(folder), stage.config(facts)) as gateway,
    ):
        body = _question(_file_id(gateway))
        _cpu_of(gateway, "POST", "/chat/completions", body)  # connections, caches and lazy parts
        _cpu_of(hello, "GET", "/", "")
        rounds = [
            (_cpu_of(gateway, "POST", "/chat/completions", body), _cpu_of(hello, "GET", "/", ""))
            for _ in range(_ROUNDS)
        ]
        line = gateway.requests(_ROUTE)[-1]
    ratio = median(ours / bare for ours, bare in rounds)
    return [
        Figure("chat with a managed file: SQL statements", line["statements"], 1, ""),
        Figure("chat with a managed file: upstream calls", line["upstream_calls"], 1, ""),
        Figure("chat with a managed file: CPU / that of a bare Flask hello", ratio, 2.5, "×"),
        Figure("  CPU of one chat request", median(ours for ours, _ in rounds) * 1000, None, "ms"),
        Figure("  CPU of one hello", median(bare for _, bare in rounds) * 1000, None, "ms"),
    ]


def _cpu_of(served: stage.Served, method: str, path: str, body: str) -> float:
    """Seconds of the worker's CPU for one request."""
    before = cpu_seconds(served.worker)
    stage.client("calls", served.port, method, path, body, _CONNECTIONS, _CALLS_EACH)
    return (cpu_seconds(served.worker) - before) / (_CONNECTIONS * _CALLS_EACH)


def _file_id(gateway: stage.Served) -> str:
    answer = stage.client("upload", gateway.port, "/files", 1, 0)["answer"]
    return str(json.loads(answer)["id"])


def _question(file_id: str) -> str:
    parts = [{"type": "text", "text": "What is in this file?"}, {"type": "file", "file": {"file_id": file_id}}]
    return json.dumps({"model": stage.GPT, "messages": [{"role": "user", "content": parts}]})
