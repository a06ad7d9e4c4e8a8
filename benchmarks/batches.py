"""Batches: memory, time and other requests' patience while 200 MB of lines are taken in, run and given back."""

import json
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from benchmarks import batch_file, stage
from benchmarks.processes import cpu_seconds, forget_peak, peak, resident
from benchmarks.report import Figure
from managed_files.local_postgres import LocalPostgres

_LINES, _LINE_BYTES = 50_000, 4_000
_MIB = 1024 * 1024
_CLAUDE, _OWN = "claude", "own"
_SELF_RUN = 50  # one line of so many is a chat that the gateway sends itself: more would measure chats, not batches
_INTERVAL = 0.01  # seconds between two requests of a bystander
_DEADLINE = 600.0  # seconds for a batch
_PIECE = 256 * 1024
_SENT = """
    SELECT (SELECT coalesce(sum(bytes), 0)::bigint FROM files WHERE parent = %(id)s) AS held,
        (SELECT array_agg(data) FROM batch_lines WHERE file_id = %(id)s) AS kept"""


@dataclass
class Watched:
    """What was seen of the gateway while something ran. `grown`: its peak RSS over idle, in MiB."""

    seconds: float = 0.0
    grown: float = 0.0
    others: dict[str, Any] = field(default_factory=dict)


def batches() -> list[Figure]:
    """The same lines for four kinds of provider in turn, and for one alone."""
    with TemporaryDirectory() as folder:
        mixed, alone = Path(folder) / "mixed.jsonl", Path(folder) / "alone.jsonl"
        batch_file.write(mixed, _LINES, _LINE_BYTES, _model)
        batch_file.write(alone, _LINES, _LINE_BYTES, lambda number: stage.GPT)
        return [*_measured("four kinds of provider", mixed), *_measured("OpenAI alone", alone)]


def _measured(what: str, path: Path) -> list[Figure]:
    with (
        TemporaryDirectory() as folder,
        stage.sandbox() as facts,
        stage.stream_provider() as provider,
        stage.gateway(Path(folder), _config(facts, provider)) as gateway,
    ):
        idle = resident(gateway.worker)
        cpu, seconds = _uploaded_alone(gateway, path)
        bystander = (gateway, provider.rpartition(":")[2], idle)
        with _watching(*bystander) as taking_in:
            file_id = _uploaded(gateway, path)
        sent = _sent_bytes(Path(folder) / "data", file_id)
        with _watching(*bystander) as giving_back:
            missing = _run(gateway, file_id)
    plain = batch_file.plain_seconds(path)
    return [
        *_figures(f"batch of 200 MB, {what}: upload", taking_in),
        Figure("  CPU a line / that of json.loads + json.dumps", cpu / plain, None, "×"),
        Figure("  wall time a line / that of json.loads + json.dumps", seconds / plain, None, "×"),
        *_figures(f"batch of 200 MB, {what}: run and download", giving_back),
        Figure(f"batch of 200 MB, {what}: size of the lines sent / of the file", sent / path.stat().st_size, 1.05, "×"),
        Figure(f"batch of 200 MB, {what}: lines without their answer", missing, 0, ""),
    ]


def _figures(what: str, seen: Watched) -> list[Figure]:
    return [
        Figure(f"{what}: growth of peak RSS", seen.grown, 64, "MiB"),
        *(Figure(f"{what}: worst {name} of another caller", seen.others[name]["worst"], 100, "ms") for name in _OTHERS),
        *(Figure(f"  99th percentile of {name}", seen.others[name]["p99"], None, "ms") for name in _OTHERS),
        Figure("  worst of the same chat without the gateway", seen.others["direct"]["worst"], None, "ms"),
        Figure("  requests beside it", seen.others["count"], None, ""),
        Figure("  seconds beside them", seen.seconds, None, "s"),
    ]


_OTHERS = ("health", "chat")


def _model(number: int) -> str:
    if number % _SELF_RUN == 0:
        return _OWN
    return (stage.GPT, stage.GEMINI, _CLAUDE)[number % 3]


def _config(facts: Mapping[str, Any], stream_url: str) -> dict[str, Any]:
    """Two more models: at Anthropic, and at a server that has no batches."""
    config, anthropic, openai = stage.config(facts, stream_url), facts["anthropic"], facts["openai"]
    claude = {
        "model": "anthropic/claude-sonnet-4-5",
        "api_base": anthropic["url"],
        "api_key": anthropic["api_key"],
    }
    own = {"model": "hosted_vllm/gpt-4o-mini", "api_base": f"{openai['url']}/v1", "api_key": openai["api_key"]}
    config["model_list"] += [
        {"model_name": _CLAUDE, "litellm_params": claude},
        {"model_name": _OWN, "litellm_params": own},
    ]
    return config


@contextmanager
def _watching(gateway: stage.Served, provider_port: str, idle: int) -> Iterator[Watched]:
    """Fills in what it yields when the block is left."""
    seen = Watched()
    forget_peak(gateway.worker)
    command = [sys.executable, "-m", "benchmarks.clients.bystander", str(gateway.port), provider_port, str(_INTERVAL)]
    with stage.running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bystander:
        began = time.monotonic()
        yield seen
        seen.seconds = time.monotonic() - began
        seen.others = json.loads(bystander.communicate()[0])
    seen.grown = (peak(gateway.worker) - idle) / _MIB


def _uploaded_alone(gateway: stage.Served, path: Path) -> tuple[float, float]:
    """The worker's CPU and the wall time of an upload beside which nothing else is asked, in seconds."""
    cpu, began = cpu_seconds(gateway.worker), time.monotonic()
    _uploaded(gateway, path)
    return cpu_seconds(gateway.worker) - cpu, time.monotonic() - began


def _uploaded(gateway: stage.Served, path: Path) -> str:
    sent = stage.client("batch_upload", gateway.port, path)
    if sent["status"] != 200:
        raise RuntimeError(f"the upload failed: {sent['answer']}")
    return str(json.loads(sent["answer"])["id"])


def _sent_bytes(data_dir: Path, file_id: str) -> int:
    """Bytes of all inputs: those that providers hold, and those that wait."""
    server = LocalPostgres(data_dir)
    try:
        with psycopg.connect(server.start()) as connection:
            held, kept = connection.execute(_SENT.encode(), {"id": file_id}).fetchone() or (0, None)
    finally:
        server.stop()
    return int(held) + sum(len(zlib.decompress(data)) + 1 for data in kept or ())


def _run(gateway: stage.Served, file_id: str) -> int:
    """Runs the file and reads its output; how many of its lines are not in it exactly once."""
    order = {"input_file_id": file_id, "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    batch = json.loads(_asked(gateway, "/batches", order).read())
    deadline = time.monotonic() + _DEADLINE
    while batch["status"] in ("validating", "in_progress", "finalizing"):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the batch has not ended within {_DEADLINE:.0f} s: {batch}")
        time.sleep(1)
        batch = json.loads(_asked(gateway, f"/batches/{batch['id']}").read())
    with _asked(gateway, f"/files/{batch['output_file_id']}/content") as output:
        seen = sorted(batch_file.ids_in(iter(lambda: output.read(_PIECE), b"")))
    expected = [batch_file.custom_id(number) for number in range(_LINES)]
    return 0 if seen == expected else len(set(expected) ^ set(seen)) + len(seen) - len(set(seen))


def _asked(gateway: stage.Served, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """The answer of the gateway, open."""
    headers = {"Authorization": f"Bearer {stage.MASTER_KEY}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(dict(body)).encode()
    return urllib.request.urlopen(urllib.request.Request(gateway.url + path, data, headers))  # noqa: S310 - our own URL
