"""The demo: the real gateway, with the sandbox providers in a process beside it. No account, no internet."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import yaml

from managed_files import interrupts
from managed_files.demo.models import models
from managed_files.demo.story import story
from managed_files.errors import GatewayError
from managed_files.launch import gunicorn

_ROOT = Path(__file__).resolve().parents[2]
# What a shell may hold for real accounts: it would be read where an entry of the demo says nothing.
_REAL = ("DATABASE_URL", "AWS_", "AZURE_", "S3_", "MANAGED_FILES_WEBHOOK_SECRET")


def demo(host: str, port: int, workers: int, threads: int) -> int:
    """Serves the real gateway with the sandbox providers behind it, in a process of their own. Its exit status."""
    with _sandbox() as facts:
        entries = models(facts)
        folder = Path(os.environ.get("MANAGED_FILES_DATA_DIR", ".managed-files")) / "demo"
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "config.yaml"
        config.write_text(yaml.safe_dump(_configuration(entries, folder), sort_keys=False), encoding="utf-8")
        config.chmod(0o600)
        command, environment = gunicorn(host, port, workers, threads)
        environment = _without_accounts(environment)
        environment |= {"MANAGED_FILES_CONFIG": str(config)}
        told = story(reachable(host), port, entries)
        return _run_to_the_end(command, environment, reachable(host), port, told)


def _configuration(entries: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The folder is named for commands beside the demo, which are given this file: before what their shell names."""
    return {
        "model_list": [{"model_name": name, "litellm_params": params} for name, params in entries.items()],
        "general_settings": {"master_key": "sk-1234"},
        "environment_variables": {"MANAGED_FILES_DATA_DIR": str(folder.resolve())},
    }


def _without_accounts(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(_REAL)}


def reachable(host: str) -> str:
    """An address at which this machine reaches a server that listens on `host`, as a URL spells it."""
    bare = host.strip("[]")
    address = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(bare, bare)  # noqa: S104 - nothing binds here
    return f"[{address}]" if ":" in address else address


@contextmanager
def _sandbox() -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "managed_files.sandbox"]
    come = interrupts.put_off()
    # A session of its own: Ctrl-C reaches the gateway first, which may still need its providers to finish.
    with subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
        command,
        cwd=_ROOT,
        env=_without_accounts(os.environ),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            interrupts.end_in_order(come)
            facts = process.stdout.readline() if process.stdout else ""
            if not facts:
                raise GatewayError("The sandbox providers did not start; they said why above.")
            yield json.loads(facts)
        finally:
            process.terminate()
            process.wait()  # it may be telling where it is: to a pipe that is still open


def _run_to_the_end(command: list[str], environment: dict[str, str], host: str, port: int, told: str) -> int:
    """Waits for gunicorn, which gets the terminal's Ctrl-C itself; a signal of ours alone is passed on."""
    come = interrupts.put_off()
    with subprocess.Popen(command, env=environment) as process:  # noqa: S603 - our own interpreter, no shell
        interrupts.pass_on(process.terminate, come)
        if _serves(process, host, port):
            sys.stdout.write(told)
            sys.stdout.flush()
        return process.wait()


def _serves(process: subprocess.Popen[bytes], host: str, port: int) -> bool:
    """Waits until the gateway answers that it is ready; False if it ended before."""
    while process.poll() is None:
        connection = HTTPConnection(host.strip("[]"), port, timeout=5)
        try:
            connection.request("GET", "/health/readiness")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    return False
