"""Neither a start that is given up nor a terminal that is closed leaves anything running."""

import os
import pty
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest
import yaml

from tests.e2e.gateway import REPOSITORY, Gateway, environment, free_port, wait_until

CONFIG = {"model_list": [{"model_name": "gpt", "litellm_params": {"model": "gpt-4o", "api_key": "sk-fake"}}]}


def servers(folder: Path) -> list[int]:
    """Processes of the database in a data folder."""
    found = psutil.process_iter(["cmdline"])
    return [process.pid for process in found if str(folder / "postgres") in (process.info["cmdline"] or ())]


@pytest.mark.parametrize(
    ("command", "number"),
    [
        ("serve", signal.SIGTERM),
        ("migrate", signal.SIGINT),
        pytest.param("serve", signal.SIGINT, marks=pytest.mark.soak),
        pytest.param("serve", signal.SIGHUP, marks=pytest.mark.soak),
        pytest.param("migrate", signal.SIGTERM, marks=pytest.mark.soak),
        pytest.param("migrate", signal.SIGHUP, marks=pytest.mark.soak),
    ],
)
def test_a_start_that_is_given_up_stops_its_database(command: str, number: int, open_folder: Path) -> None:
    config, data = open_folder / "config.yaml", open_folder / "data"
    config.write_text(yaml.safe_dump(CONFIG))
    options = ["--config", config, "--data-dir", data, *(["--port", str(free_port())] if command == "serve" else [])]
    with subprocess.Popen(
        [sys.executable, "-m", "managed_files", command, *options],
        cwd=REPOSITORY,
        env=environment(),
        stderr=subprocess.PIPE,
    ) as process:
        wait_until(lambda: servers(data), "the database is launched", 30)
        process.send_signal(number)
        said = process.communicate(timeout=30)[1]
    assert (b"Traceback" in said, servers(data)) == (False, [])


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_what_runs_in_a_terminal_ends_with_it(command: str, open_folder: Path) -> None:
    config, data, port = open_folder / "config.yaml", open_folder / "data", free_port()
    config.write_text(yaml.safe_dump(CONFIG))
    options = ["--data-dir", data, "--port", str(port), *(["--config", config] if command == "serve" else [])]
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "managed_files", command, *options],
        cwd=REPOSITORY,
        env=environment(),
        preexec_fn=partial(os.login_tty, its),
    )
    os.close(its)
    wait_until(Gateway(port, process, Path(), config, {}).ready, "the gateway is ready", 30)
    below = psutil.Process(process.pid).children(recursive=True)
    os.close(ours)
    process.wait(30)
    _, left = psutil.wait_procs(below, 30)
    assert (left, servers(open_folder / "data"), servers(open_folder / "data" / "demo")) == ([], [], [])
