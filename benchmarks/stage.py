"""Starts and ends what a benchmark runs against: the real gateway, the sandbox providers, the yardstick."""

import json
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.processes import wait_until
from managed_files.launch import gunicorn

ROOT = Path(__file__).resolve().parent.parent
MASTER_KEY = "sk-benchmark-0123456789"
GPT, GEMINI, STREAM = "gpt", "gemini", "stream"
_HOST = "127.0.0.1"
_THREADS = 1024


@dataclass(frozen=True)
class Served:
    """A gunicorn with one worker. `log`: what it wrote to standard error."""

    master: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self.port}"

    @cached_property
    def worker(self) -> psutil.Process:
        """The process that answers."""
        children = psutil.Process(self.master.pid).children()
        return next(child for child in children if "gunicorn" in " ".join(child.cmdline()))

    def requests(self, route: str) -> list[dict[str, Any]]:
        """The log's lines about one route, oldest first."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line.get("route") == route]


@contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A child process, ended politely when the block is left."""
    with subprocess.Popen(list(command), cwd=ROOT, **options) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def sandbox(*arguments: str) -> Iterator[dict[str, Any]]:
    """The providers' stand-ins in a process of their own; their addresses and keys."""
    command = [sys.executable, "-m", "managed_files.sandbox", *arguments]
    with running(command, stdout=subprocess.PIPE) as process:
        yield json.loads(_first_line(process))


@contextmanager
def stream_provider() -> Iterator[str]:
    """A provider that writes the time into each piece of a stream; its address."""
    with running([sys.executable, "-m", "benchmarks.stream_provider"], stdout=subprocess.PIPE) as process:
        yield f"http://{_HOST}:{int(_first_line(process))}"


@contextmanager
def gateway(folder: Path, config: Mapping[str, Any]) -> Iterator[Served]:
    """The gateway as `python -m managed_files` runs it, with its own PostgreSQL in `folder`, once it answers."""
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config)))
    settings = {"MANAGED_FILES_CONFIG": str(folder / "config.yaml"), "MANAGED_FILES_DATA_DIR": str(folder / "data")}
    with _served(folder / "gateway.log", settings, "wsgi:application", "managed_files.serving") as served:
        wait_until(lambda: _answers(f"{served.url}/health/liveliness"), "start of the gateway")
        yield served


@contextmanager
def hello(folder: Path) -> Iterator[Served]:
    """The yardstick under the gateway's gunicorn settings, once it answers."""
    with _served(folder / "hello.log", {}, "benchmarks.hello:application", "benchmarks.hello_serving") as served:
        wait_until(lambda: _answers(served.url), "start of the yardstick")
        yield served


def config(facts: Mapping[str, Any], stream_url: str = "http://127.0.0.1:9") -> dict[str, Any]:
    """A gateway's configuration: two models at the sandbox providers, one at the provider of streams."""
    openai, google = facts["openai"], facts["google"]
    gemini = {
        "model": "vertex_ai/gemini-2.0-flash",
        "vertex_project": google["project"],
        "vertex_credentials": google["service_account"],
        "gcs_bucket_name": google["bucket"],
        "api_base": google["url"],
        "storage_endpoint": google["url"],
    }
    gpt = {"model": "gpt-4o-mini", "api_base": f"{openai['url']}/v1", "api_key": openai["api_key"]}
    stream = {"model": "openai/stream", "api_base": f"{stream_url}/v1", "api_key": "none"}
    return {
        "model_list": [
            {"model_name": GPT, "litellm_params": gpt},
            {"model_name": GEMINI, "litellm_params": gemini},
            {"model_name": STREAM, "litellm_params": stream},
        ],
        "general_settings": {"master_key": MASTER_KEY, "max_file_size_mb": 4096},
    }


def client(module: str, *arguments: object) -> dict[str, Any]:
    """Runs one client to its end; the JSON that it prints last."""
    command = [sys.executable, "-m", f"benchmarks.clients.{module}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def steer(provider_url: str, action: str, content: Mapping[str, Any]) -> None:
    """Tells a stand-in how to behave."""
    body = json.dumps(dict(content)).encode()
    urllib.request.urlopen(f"{provider_url}/__sandbox__/{action}", data=body).close()  # noqa: S310 - our own http URL


@contextmanager
def _served(log: Path, settings: Mapping[str, str], application: str, serving: str) -> Iterator[Served]:
    port = _free_port()
    command, environment = gunicorn(_HOST, port, 1, _THREADS)
    command = [re.sub("managed_files.serving", serving, part) for part in command[:-1]] + [application]
    environment = {name: value for name, value in environment.items() if name != "DATABASE_URL"} | dict(settings)
    with log.open("wb") as errors, running(command, env=environment, stderr=errors) as master:
        yield Served(master, port, log)


def _free_port() -> int:
    with socket.create_server((_HOST, 0)) as listener:
        return int(listener.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own http URL
            return bool(answer.status == 200)
    except OSError:
        return False


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()
