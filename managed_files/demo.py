"""The demo: the real gateway, with the sandbox providers in a process beside it. No account, no internet."""

import importlib.util
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import yaml

from managed_files.commands import gunicorn
from managed_files.errors import GatewayError

_ROOT = Path(__file__).resolve().parent.parent


def demo(host: str, port: int, workers: int, threads: int) -> int:
    """Serves the real gateway with the sandbox providers behind it, in a process of their own. Its exit status."""
    with _sandbox() as facts:
        folder = Path(os.environ.get("MANAGED_FILES_DATA_DIR", ".managed-files")) / "demo"
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "config.yaml"
        config.write_text(yaml.safe_dump(_demo_config(facts), sort_keys=False), encoding="utf-8")
        config.chmod(0o600)
        command, environment = gunicorn(host, port, workers, threads)
        environment |= {"MANAGED_FILES_CONFIG": str(config), "MANAGED_FILES_DATA_DIR": str(folder)}
        environment.pop("DATABASE_URL", None)  # a demo does not write into a real database
        return _run_to_the_end(command, environment, _reachable(host), port)


_SNIPPET = """
Demo: a real gateway in front of two sandbox providers. Nothing leaves this machine. Paste into another terminal:

{install}{python} - <<'EOF'
from openai import NotFoundError, OpenAI

client = OpenAI(base_url="http://{host}:{port}", api_key="sk-1234")
models = ["gpt-4o-mini-openai", "gemini-2.0-flash"]

file = client.files.create(
    file=("paper.pdf", b"%PDF-1.4 Hello from one file id.", "application/pdf"),
    purpose="user_data",
    extra_body={{"target_model_names": ", ".join(models)}},
)
print(file.id, [(copy["provider"], copy["state"]) for copy in file.copies])

content = [{{"type": "text", "text": "What is in this file?"}}, {{"type": "file", "file": {{"file_id": file.id}}}}]
for model in models:
    print("\\n" + model + ": ", end="")
    messages = [{{"role": "user", "content": content}}]
    for chunk in client.chat.completions.create(model=model, messages=messages, stream=True):
        print(chunk.choices[0].delta.content or "", end="", flush=True)

print("\\n\\ndeleted:", client.files.delete(file.id).deleted)
try:
    client.files.retrieve(file.id)
except NotFoundError as gone:
    print(gone.message)
EOF

Ctrl-C ends the demo.
"""


def _snippet(host: str, port: int) -> str:
    """The snippet for the Python that runs here, whatever folder it is pasted in."""
    python = shlex.quote(sys.executable)
    install = "" if importlib.util.find_spec("openai") else f"{python} -m pip install openai\n"
    return _SNIPPET.format(install=install, python=python, host=host, port=port)


def _reachable(host: str) -> str:
    """An address at which this machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - nothing binds here


def _demo_config(facts: dict[str, Any]) -> dict[str, Any]:
    openai, google = facts["openai"], facts["google"]
    gemini = {
        "model": "vertex_ai/gemini-2.0-flash",
        "vertex_project": google["project"],
        "vertex_location": "us-central1",
        "vertex_credentials": google["service_account"],
        "gcs_bucket_name": google["bucket"],
        "api_base": google["url"],
        "storage_endpoint": google["url"],
    }
    gpt = {"model": "gpt-4o-mini", "api_base": f"{openai['url']}/v1", "api_key": openai["api_key"]}
    return {
        "model_list": [
            {"model_name": "gemini-2.0-flash", "litellm_params": gemini},
            {"model_name": "gpt-4o-mini-openai", "litellm_params": gpt},
        ],
        "general_settings": {"master_key": "sk-1234"},
    }


@contextmanager
def _sandbox() -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "managed_files.sandbox"]
    # A session of its own: Ctrl-C reaches the gateway first, which may still need its providers to finish.
    with subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
        command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            facts = process.stdout.readline() if process.stdout else ""
            if not facts:
                raise GatewayError("The sandbox providers did not start; they said why above.")
            yield json.loads(facts)
        finally:
            process.terminate()


def _run_to_the_end(command: list[str], environment: dict[str, str], host: str, port: int) -> int:
    """Waits for gunicorn, which gets the terminal's signals itself; a SIGTERM of ours alone is passed on."""
    with subprocess.Popen(command, env=environment) as process:  # noqa: S603 - our own interpreter, no shell
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        signal.signal(signal.SIGINT, lambda *_: None)
        if _serves(process, host, port):
            sys.stdout.write(_snippet(host, port))
            sys.stdout.flush()
        return process.wait()


def _serves(process: subprocess.Popen[bytes], host: str, port: int) -> bool:
    """Waits until the gateway answers that it is ready; False if it ended before."""
    while process.poll() is None:
        connection = HTTPConnection(_reachable(host).strip("[]"), port, timeout=5)
        try:
            connection.request("GET", "/health/readiness")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    return False
