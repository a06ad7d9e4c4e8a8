"""The command `batches` in tests: in this process or in one of its own, against a gateway or raw answers."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from managed_files import cli
from tests.gateway import Bench
from tests.raw_server import Peer, Script

REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Ended:
    """How a command ended: its status or last words, and what it wrote to the two outputs."""

    status: Any
    out: str
    err: str


Run = Callable[..., Ended]


def runner(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `batches …` in this process."""

    def run(*arguments: str) -> Ended:
        with pytest.raises(SystemExit) as end:
            cli.main(["batches", *arguments])
        return Ended(end.value.code, *capfd.readouterr())

    return run


@contextmanager
def command(
    *arguments: str, stdin: int | None = None, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> Iterator["subprocess.Popen[str]"]:
    """Runs `batches …` in a process of its own; killed at the exit if it still runs."""
    whole = [sys.executable, "-m", "managed_files", "batches", *arguments]
    with subprocess.Popen(
        whole, cwd=REPOSITORY, env=dict(os.environ), stdin=stdin, stdout=stdout, stderr=stderr, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def served(bench: Bench) -> Iterator[str]:
    """The address at which a gateway serves."""
    server = make_server("127.0.0.1", 0, bench.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def saying(*answers: tuple[str, str]) -> Script:
    """A gateway that answers one request after the other with these statuses and bodies, the last one for ever."""
    left = list(answers)

    def script(peer: Peer) -> None:
        if peer.receive() is not None:
            status, body = left.pop(0) if len(left) > 1 else left[0]
            peer.answer(body, f"{status}\r\nConnection: close")

    return script
