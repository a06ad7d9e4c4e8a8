"""The gateway in the test's own process, before stand-ins of its providers, and shorthand for what callers do."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from werkzeug.test import TestResponse

from app import Gateway, create_app
from managed_files.providers.registry import CATALOG
from managed_files.sandbox.azure import DEFAULT_KEY as AZURE_KEY
from managed_files.sandbox.azure import AzureSandbox
from managed_files.sandbox.google import GoogleSandbox
from managed_files.sandbox.openai import DEFAULT_KEY as OPENAI_KEY
from managed_files.sandbox.openai import OpenAISandbox
from managed_files.sandbox.server import Server
from managed_files.settings import Settings, parse

MASTER_KEY = "sk-master-0123456789-abcdef"
GPT, GPT_BIG, GEMINI, AZURE = "gpt", "gpt-big", "gemini", "azure-gpt"
CONTENT = b"%PDF-1.7 " + bytes(range(256)) * 40
BOUNDARY = "a-boundary-0123456789"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
TARGETS = {"purpose": "user_data", "target_model_names": f"{GPT}, {GEMINI}"}
NEVER = 3600.0  # seconds between the passes of a background that a test does not want to see


@dataclass(frozen=True)
class StandIns:
    """One server a provider."""

    openai: OpenAISandbox
    azure: AzureSandbox
    google: GoogleSandbox

    @property
    def all(self) -> tuple[Server, ...]:
        return self.openai, self.azure, self.google

    def entries(self) -> list[dict[str, Any]]:
        """A `model_list`: two models of one OpenAI account, one of Vertex AI, one of Azure."""
        openai = {"api_base": f"{self.openai.url}/v1", "api_key": OPENAI_KEY}
        google = {
            "vertex_project": self.google.project,
            "vertex_credentials": self.google.service_account_info(),
            "gcs_bucket_name": self.google.bucket,
            "storage_endpoint": self.google.url,
            "api_base": self.google.url,
        }
        azure = {"api_base": self.azure.url, "api_key": AZURE_KEY, "api_version": "v1"}
        return [
            {"model_name": GPT, "litellm_params": {"model": "gpt-4o-mini", **openai}},
            {"model_name": GPT_BIG, "litellm_params": {"model": "openai/gpt-4o", **openai}},
            {"model_name": GEMINI, "litellm_params": {"model": "vertex_ai/gemini-2.0-flash", **google}},
            {"model_name": AZURE, "litellm_params": {"model": "azure/gpt-4o-mini", **azure}},
        ]

    def counts(self) -> dict[str, int]:
        """How many files each provider holds."""
        return {
            "openai": len(self.openai.files),
            "azure": len(self.azure.files),
            "google": len(self.google.objects),
        }

    def calls(self, path: str) -> int:
        """Requests to paths that end so, at all of them."""
        return sum(request.path.endswith(path) for server in self.all for request in server.requests)

    def reset(self) -> None:
        for server in self.all:
            server.reset()

    def __enter__(self) -> "StandIns":
        for server in self.all:
            server.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.all:
            server.stop()


def left_at_openai(stand_ins: StandIns, filename: str) -> str:
    """A file that somebody stored there; its remote id."""
    answer = requests.post(
        f"{stand_ins.openai.url}/v1/files",
        headers={"Authorization": f"Bearer {OPENAI_KEY}"},
        data={"purpose": "user_data"},
        files={"file": (filename, CONTENT)},
        timeout=10,
    )
    return str(answer.json()["id"])


def settings_for(
    url: str, stand_ins: StandIns, entries: list[dict[str, Any]] | None = None, **general: Any
) -> Settings:
    """Settings as an operator's file gives them, `general` over the defaults of these tests."""
    defaults = {"master_key": MASTER_KEY, "database_url": url, "reconcile_interval": NEVER, "batch_poll_interval": 0.05}
    raw = {
        "model_list": entries or stand_ins.entries(),
        "general_settings": defaults | general,
        "router_settings": {"num_retries": 0},  # so that one fault is one failure
    }
    return parse(raw, CATALOG, {})


class Bench:
    """One gateway, and what callers ask of it. `key=None` sends none."""

    def __init__(self, settings: Settings, stand_ins: StandIns):
        self.stand_ins = stand_ins
        self.app = create_app(settings)
        self.gateway: Gateway = self.app.extensions["managed_files"]

    def close(self) -> None:
        self.gateway.close()

    def call(self, method: str, path: str, key: str | None = MASTER_KEY, **options: Any) -> TestResponse:
        """One request; its answer read to the end."""
        headers = dict(options.pop("headers", {})) | ({"Authorization": f"Bearer {key}"} if key else {})
        client = self.app.test_client()
        return client.open(path, method=method, headers=headers, buffered=True, **options)

    def upload(
        self,
        targets: str = f"{GPT}, {GEMINI}",
        key: str = MASTER_KEY,
        *,
        data: bytes = CONTENT,
        filename: str = "paper.pdf",
        purpose: str = "user_data",
        headers: Mapping[str, str] | None = None,
        **fields: str,
    ) -> TestResponse:
        """POST /files, the file last."""
        body = form({"purpose": purpose, "target_model_names": targets, **fields}, data, filename=filename)
        return self.call("POST", "/files", key, data=body, content_type=FORM, headers=headers or {})

    def feed(self, *steps: bytes | Callable[[], object], length: int | None, **options: Any) -> TestResponse:
        """POST /files with a body that arrives in steps; without a length it is chunked."""
        known = {"wsgi.input_terminated": True} if length is None else {"CONTENT_LENGTH": str(length)}
        environ = {"wsgi.input": Feed(*steps), "CONTENT_TYPE": FORM, **known}
        return self.call("POST", "/files", environ_overrides=environ, **options)

    def stored(self, targets: str = f"{GPT}, {GEMINI}", key: str = MASTER_KEY, **options: Any) -> str:
        """The id of a file that is there now."""
        answer = self.upload(targets, key, **options)
        assert answer.status_code == 200, answer.text
        return str(answer.json["id"]) if answer.json else ""

    def chat(self, model: str, *parts: Any, key: str | None = MASTER_KEY, **fields: Any) -> TestResponse:
        """POST /chat/completions with one user message of these parts."""
        body = {"model": model, "messages": [{"role": "user", "content": [TEXT, *parts]}], **fields}
        return self.call("POST", "/chat/completions", key, json=body)

    def key(self, user_id: str, **fields: Any) -> str:
        """A fresh key of the table."""
        answer = self.call("POST", "/key/generate", json={"user_id": user_id, **fields})
        assert answer.status_code == 200, answer.text
        return str(answer.json["key"]) if answer.json else ""


TEXT = {"type": "text", "text": "What is in this file?"}


def file_part(file_id: str) -> dict[str, Any]:
    """A content part that names a file."""
    return {"type": "file", "file": {"file_id": file_id}}


def form(
    before: Mapping[str, str], data: bytes, after: Mapping[str, str] | None = None, filename: str = "paper.pdf"
) -> bytes:
    """A multipart body: the fields before the file, the file, the fields after it."""
    head = f'Content-Disposition: form-data; name="file"; filename="{filename}"\r\nContent-Type: application/pdf'
    parts = [*_fields(before), head.encode() + b"\r\n\r\n" + data, *_fields(after or {})]
    opening = f"--{BOUNDARY}\r\n".encode()
    return b"".join(opening + part + b"\r\n" for part in parts) + f"--{BOUNDARY}--\r\n".encode()


def _fields(fields: Mapping[str, str]) -> list[bytes]:
    return [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]


@contextmanager
def running_stand_ins() -> Iterator[StandIns]:
    """All stand-ins, started and stopped."""
    with StandIns(OpenAISandbox(), AzureSandbox(), GoogleSandbox()) as stand_ins:
        yield stand_ins


class Feed:
    """A request's body as it arrives: bytes come as they are, and a step runs before what follows it is read."""

    def __init__(self, *steps: bytes | Callable[[], object]):
        self._steps = list(steps)

    def read(self, size: int = -1) -> bytes:
        while self._steps:
            step = self._steps.pop(0)
            if callable(step):
                step()
            else:
                piece, rest = (step, b"") if size < 0 else (step[:size], step[size:])
                if rest:
                    self._steps.insert(0, rest)
                return piece
        return b""
