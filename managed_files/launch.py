"""Starts gunicorn. Knows no part of the gateway: those are gunicorn's to load, and take a while."""

import os
import sys
from pathlib import Path
from typing import NoReturn

_ROOT = Path(__file__).resolve().parent.parent


def serve(host: str, port: int, workers: int, threads: int) -> NoReturn:
    """Becomes gunicorn, whose master reads the configuration."""
    command, environment = gunicorn(host, port, workers, threads)
    os.execve(command[0], command, environment)  # noqa: S606 - our own interpreter, no shell


def gunicorn(host: str, port: int, workers: int, threads: int) -> tuple[list[str], dict[str, str]]:
    """The command that serves, and its environment."""
    environment = {
        **os.environ,
        "MANAGED_FILES_HOST": host,
        "MANAGED_FILES_PORT": str(port),
        "MANAGED_FILES_WORKERS": str(workers),
        "MANAGED_FILES_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])),
    }
    return [sys.executable, "-m", "gunicorn", "-c", "python:managed_files.serving", "wsgi:application"], environment
