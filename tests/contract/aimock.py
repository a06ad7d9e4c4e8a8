"""aimock, an emulator of several chat APIs of other people's making, as a process of its own.

Where it differs from the real APIs, and `answers.json` or the tests go round it: Gemini's calls end with FUNCTION_CALL,
which Google's FinishReason does not have; it reads no `parametersJsonSchema`; a Bedrock model stays percent-encoded.
"""

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from managed_files.sandbox import Fault, GoogleSandbox
from tests.node import installed

KEY = "aimock-test-key-0123456789"
MODELS = ("openai", "azure", "azure_v1", "gemini", "vertex_ai", "anthropic", "bedrock")
_NODE = Path(__file__).parent / "node"
_OLDEST = (20, 15)  # Node.js below it has no zlib.crc32, which Bedrock's frames need
_START_SECONDS = 30.0


class AiMock:
    """The emulator at `url`. It knows one key, and answers what `answers.json` says, in each provider's own words."""

    def __init__(self, url: str):
        self.url = url
        self._headers = {"Authorization": f"Bearer {KEY}"}

    def entries(self, google: GoogleSandbox) -> list[dict[str, Any]]:
        """A `model_list` with every API that aimock speaks. `google` gives out the tokens: aimock's key."""
        token = {"access_token": KEY, "expires_in": 3599, "token_type": "Bearer"}
        google.inject(Fault(path="/token$", status=200, body=token, times=None))
        here = {"api_base": self.url, "api_key": KEY}
        vertex = {
            "model": "vertex_ai/gemini-2.5-flash",
            "vertex_project": google.project,
            "vertex_credentials": google.service_account_info(),
            "gcs_bucket_name": google.bucket,
            "api_base": self.url,
        }
        azure = {"model": "azure/gpt-4o", **here}
        params = {
            "openai": {"model": "openai/gpt-4o", **here, "api_base": f"{self.url}/v1"},
            "azure": {**azure, "api_version": "2024-10-21"},
            "azure_v1": {**azure, "api_version": "v1", "account": "azure-v1"},
            "gemini": {"model": "gemini/gemini-2.5-flash", **here},
            "vertex_ai": vertex,
            "anthropic": {"model": "anthropic/claude-sonnet-4-5", **here},
            "bedrock": {"model": "bedrock/us.amazon.nova-lite-v1:0", "aws_region_name": "us-east-1", **here},
        }
        return [{"model_name": name, "litellm_params": params[name]} for name in MODELS]

    def understood(self) -> dict[str, Any]:
        """The last request as aimock read it: in OpenAI's words, whatever API it came by."""
        answer = requests.get(f"{self.url}/__aimock/journal", headers=self._headers, timeout=10)
        body: dict[str, Any] = answer.json()[-1]["body"]
        return {name: value for name, value in body.items() if not name.startswith("_")}

    def files(self) -> list[str]:
        """The ids of the files that it holds."""
        answer = requests.get(f"{self.url}/v1/files", headers=self._headers, timeout=10)
        return [file["id"] for file in answer.json()["data"]]

    def reset(self) -> None:
        """No request was received and no file is stored; the answers stay."""
        requests.post(f"{self.url}/__aimock/reset/journal", headers=self._headers, timeout=10).raise_for_status()
        for file_id in self.files():
            requests.delete(f"{self.url}/v1/files/{file_id}", headers=self._headers, timeout=10).raise_for_status()


@contextmanager
def serve(folder: Path) -> Iterator[AiMock]:
    """Starts it on a free port; its log is in the folder."""
    packages = installed(_NODE / "package.json", _NODE / "package-lock.json")
    assert _version() >= _OLDEST, "these tests need Node.js 20.15 or newer: see https://nodejs.org"
    program = packages / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
    command = ["node", str(program), "--port", "0", "--fixtures", str(_NODE / "answers.json"), "--chunk-size", "5"]
    log = folder / "aimock.log"
    with log.open("wb") as output:
        environment = {**os.environ, "AIMOCK_API_KEYS": KEY}
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        yield AiMock(_address(process, log))
    finally:
        process.terminate()
        process.wait(10)


def _version() -> tuple[int, ...]:
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
    return tuple(map(int, told.strip().removeprefix("v").split(".")))


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Where it listens, as soon as it says so."""
    deadline = time.monotonic() + _START_SECONDS
    while not (found := re.search(r"listening on (http://\S+)", log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    return found[1]
