"""The real gateway in processes of its own: started by its command line, ended by its pid. Knows no test."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests
import yaml

REPOSITORY = Path(__file__).parents[2]
MASTER_KEY = "sk-1234"
_START_SECONDS = 30.0
_POLL_SECONDS = 0.02
# What a developer's shell may hold and what would reach the gateway's configuration.
_CONFIGURING = ("DATABASE_URL", "OPENAI_", "GOOGLE_", "GCS_", "VERTEXAI_", "MANAGED_FILES_", "LITELLM_", "STORAGE_")


def wait_until(condition: Callable[[], object], what: str, seconds: float = 15.0) -> None:
    """Returns as soon as the condition holds. Raises TimeoutError naming what was waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(_POLL_SECONDS)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """This process's environment without anything that configures a gateway."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_CONFIGURING)}
    return clean | more


def dead(process: psutil.Process) -> bool:
    """Whether it runs no more; a container's first process may leave it a zombie."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@dataclass(frozen=True)
class Gateway:
    """One running gateway. `log` grows while it runs."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    config: Path
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        """The address without `/v1`, as the documentation shows it."""
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> bool:
        """Raises when the process has ended instead."""
        if self.process.poll() is not None:
            raise RuntimeError(f"the gateway ended with {self.process.returncode}: {self.log.read_text()}")
        with suppress(requests.ConnectionError):
            return requests.get(f"{self.url}/health/readiness", timeout=5).ok
        return False

    def serving(self) -> bool:
        """Whether it takes new requests; once it ends, connections still open but nobody answers them."""
        with suppress(requests.RequestException):
            return requests.get(f"{self.url}/health/liveliness", timeout=0.5).ok
        return False

    def terminate(self) -> None:
        """SIGTERM, as an orchestrator sends it. Does not wait."""
        self.process.terminate()

    def kill(self, *others: psutil.Process) -> None:
        """SIGKILL to the master, its workers and the others with their children, before any of them can react."""
        heads = [*others, *([psutil.Process(self.process.pid)] if self.process.poll() is None else [])]
        family = [member for head in heads for member in (head, *head.children(recursive=True))]
        for signum in (signal.SIGSTOP, signal.SIGKILL):
            for member in family:
                with suppress(psutil.NoSuchProcess):
                    member.send_signal(signum)
        self.process.wait(10)
        wait_until(lambda: all(map(dead, family)), "all are gone")

    def command(self, *arguments: str) -> str:
        """Runs another command of the same program with the same configuration; what it printed."""
        command = [sys.executable, "-m", "managed_files", *arguments, "--config", str(self.config)]
        done = subprocess.run(command, cwd=REPOSITORY, env=self.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def gateway(config: Mapping[str, Any], folder: Path, *arguments: str) -> Iterator[Gateway]:
    """Serves the configuration on a free port; its configuration and log are in the folder. Ended at the exit."""
    path, log, port = folder / "config.yaml", folder / "gateway.log", free_port()
    path.write_text(yaml.safe_dump(dict(config), sort_keys=False), encoding="utf-8")
    clean = environment()
    command = [sys.executable, "-m", "managed_files", "--config", str(path), "--port", str(port), *arguments]
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=REPOSITORY, env=clean, stdout=output, stderr=output)
    served = Gateway(port, process, log, path, clean)
    try:
        wait_until(served.ready, "the gateway is ready", _START_SECONDS)
        yield served
    finally:
        _end(served)


def _end(served: Gateway) -> None:
    """Politely; a gateway that does not end is killed and fails the test."""
    served.terminate()
    try:
        served.process.wait(20)
    finally:
        served.kill()
