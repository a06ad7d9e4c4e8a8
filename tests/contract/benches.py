"""One bench per provider: its adapter beside the stand-in it talks to. All that the suite knows of any one of them."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from managed_files.providers import registry
from managed_files.providers.base import Provider
from managed_files.providers.compatible import COMPATIBLE
from managed_files.records import Account, Deployment, Upload
from managed_files.sandbox.anthropic import DEFAULT_KEY as ANTHROPIC_KEY
from managed_files.sandbox.anthropic import AnthropicSandbox
from managed_files.sandbox.azure import DEFAULT_KEY as AZURE_KEY
from managed_files.sandbox.azure import AzureSandbox
from managed_files.sandbox.compatible import DEFAULT_KEY as COMPATIBLE_KEY
from managed_files.sandbox.compatible import CompatibleSandbox
from managed_files.sandbox.gemini import DEFAULT_KEY as GEMINI_KEY
from managed_files.sandbox.gemini import GeminiSandbox
from managed_files.sandbox.google import GoogleSandbox
from managed_files.sandbox.journal import Recorded
from managed_files.sandbox.mistral import DEFAULT_KEY as MISTRAL_KEY
from managed_files.sandbox.mistral import MistralSandbox
from managed_files.sandbox.openai import DEFAULT_KEY, OpenAISandbox
from managed_files.sandbox.server import Server
from managed_files.spool import Spool
from managed_files.upstream import Upstream

FILE_ID = "file-mf-" + "a" * 32
CONTENT = b"%PDF-1.7 " + bytes(range(256)) * 1500
WRONG_KEY = "sk-proj-wrong-0123456789"


def sending(
    source: Spool, *, file_id: str = FILE_ID, purpose: str = "user_data", filename: str = "paper.pdf"
) -> Upload:
    """An upload of the source."""
    return Upload(file_id, filename, "application/pdf", purpose, source)


class Bench(ABC):
    """Starts the stand-in and builds the adapter.

    `upload_path`, `file_path`: regular expressions of the paths to which an upload begins, and at which one file is.
    `gives_bytes_back`: of any file at all; `returns_content`: of `user_data` files as well, not of `batch` files only.
    `in_every_file_part`: what `resolve` adds to the id.
    """

    name: ClassVar[str]
    stand_in: ClassVar[type[Server]]
    model: ClassVar[str]
    upload_path: ClassVar[str]
    file_path: ClassVar[str]
    gives_bytes_back: ClassVar[bool] = True
    returns_content: ClassVar[bool] = False
    in_every_file_part: ClassVar[Mapping[str, Any]] = {}

    def __init__(self) -> None:
        self._spools: list[Spool] = []
        self.upstream = Upstream(environ={})
        self.sandbox = self.started()
        self.provider = self.adapter()

    def started(self) -> Server:
        """The stand-in, running."""
        return self.stand_in().start()

    def close(self) -> None:
        self.upstream.close()
        self.sandbox.stop()
        for spool in self._spools:
            spool.close()

    def growing(self, expected: int | None = None) -> Spool:
        """An empty spool that is closed with the bench."""
        self._spools.append(Spool(expected))
        return self._spools[-1]

    def spooled(self, data: bytes = CONTENT) -> Spool:
        """A spool that holds all of the data."""
        spool = self.growing()
        spool.write(data)
        spool.finish()
        return spool

    def uploaded(self, data: bytes = CONTENT, purpose: str = "user_data", filename: str = "paper.pdf") -> str:
        """The remote id of the data, just stored."""
        upload = sending(self.spooled(data), purpose=purpose, filename=filename)
        return self.provider.upload(upload).remote_id or ""

    @abstractmethod
    def params(self) -> dict[str, Any]:
        """An entry's parameters that the stand-in accepts."""

    @abstractmethod
    def wrong_params(self) -> dict[str, Any]:
        """The same with credentials that are refused."""

    @abstractmethod
    def stored(self) -> dict[str, str]:
        """What the stand-in holds: remote id → SHA-256."""

    @abstractmethod
    def chat_body(self, stream: bool) -> bytes:
        """The least chat request that the stand-in answers."""

    def secrets(self) -> list[str]:
        """The credentials that the adapter has been given."""
        return [DEFAULT_KEY, WRONG_KEY]

    def adapter(self, **changes: Any) -> Provider:
        """A new adapter, its parameters changed."""
        return self.built({**self.params(), **changes})

    def built(self, params: Mapping[str, Any]) -> Provider:
        """A new adapter with these parameters."""
        return registry.build(Account(f"{self.name}:test", self.name, params), self.upstream)

    def begins_upload(self, request: Recorded) -> bool:
        """Whether the request is an upload's first."""
        return request.method == "POST" and re.match(self.upload_path, request.path) is not None

    def deployment(self) -> Deployment:
        """An entry for `model` in the adapter's account."""
        account = self.provider.account
        return Deployment("group", f"{self.name}/{self.model}", self.model, account, account.params)

    def sent_credentials(self) -> list[str]:
        """The values of the credential headers that the stand-in received."""
        names = ("authorization", "api-key", "x-api-key", "x-goog-api-key")
        headers = [request.headers for request in self.sandbox.requests]
        return [held[name].rpartition(" ")[2] for held in headers for name in names if name in held]


class OpenAIBench(Bench):
    name = "openai"
    stand_in = OpenAISandbox
    model = "gpt-4o-mini"
    upload_path = "/v1/files$"
    file_path = "/v1/files/"
    sandbox: OpenAISandbox

    def params(self) -> dict[str, Any]:
        return {"api_base": f"{self.sandbox.url}/v1", "api_key": DEFAULT_KEY}

    def wrong_params(self) -> dict[str, Any]:
        return {**self.params(), "api_key": WRONG_KEY}

    def stored(self) -> dict[str, str]:
        return {key: file.sha256 for key, file in self.sandbox.files.items()}

    def chat_body(self, stream: bool) -> bytes:
        messages = [{"role": "user", "content": "hello"}]
        return json.dumps({"model": self.model, "messages": messages, "stream": stream}).encode()


class AzureBench(OpenAIBench):
    name = "azure"
    stand_in = AzureSandbox
    upload_path = "/openai/v1/files$"
    file_path = "/openai/v1/files/"

    def params(self) -> dict[str, Any]:
        return {"api_base": self.sandbox.url, "api_key": AZURE_KEY, "api_version": "v1"}

    def secrets(self) -> list[str]:
        return [AZURE_KEY, WRONG_KEY]


class VertexAIBench(Bench):
    name = "vertex_ai"
    stand_in = GoogleSandbox
    model = "gemini-2.0-flash"
    upload_path = "/upload/storage/v1/b/sandbox-bucket/o$"
    file_path = "/storage/v1/b/sandbox-bucket/o/"
    returns_content = True
    in_every_file_part: ClassVar[Mapping[str, Any]] = {"format": "application/pdf"}
    sandbox: GoogleSandbox

    def params(self) -> dict[str, Any]:
        return {
            "vertex_project": self.sandbox.project,
            "vertex_credentials": self.sandbox.service_account_info(),
            "gcs_bucket_name": f"gs://{self.sandbox.bucket}/shared",
            "storage_endpoint": self.sandbox.url,
            "api_base": self.sandbox.url,
        }

    def wrong_params(self) -> dict[str, Any]:
        credentials = {**self.sandbox.service_account_info(), "private_key_id": "0" * 40}
        return {**self.params(), "vertex_credentials": credentials}

    def stored(self) -> dict[str, str]:
        return {uri: stored.sha256 for uri, stored in self.sandbox.objects.items()}

    def chat_body(self, stream: bool) -> bytes:
        return json.dumps({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}).encode()

    def secrets(self) -> list[str]:
        return [self.sandbox.service_account_info()["private_key"]]


class GeminiBench(Bench):
    name = "gemini"
    stand_in = GeminiSandbox
    model = "gemini-2.0-flash"
    upload_path = "/upload/v1beta/files$"
    file_path = "/v1beta/files/"
    gives_bytes_back = False
    in_every_file_part: ClassVar[Mapping[str, Any]] = {"format": "application/pdf"}
    sandbox: GeminiSandbox

    def params(self) -> dict[str, Any]:
        return {"api_base": self.sandbox.url, "api_key": GEMINI_KEY}

    def wrong_params(self) -> dict[str, Any]:
        return {**self.params(), "api_key": WRONG_KEY}

    def stored(self) -> dict[str, str]:
        return {uri: file.sha256 for uri, file in self.sandbox.files.items()}

    def chat_body(self, stream: bool) -> bytes:
        return json.dumps({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}).encode()

    def secrets(self) -> list[str]:
        return [GEMINI_KEY, WRONG_KEY]


class MistralBench(OpenAIBench):
    name = "mistral"
    stand_in = MistralSandbox
    model = "mistral-small-latest"
    returns_content = True

    def params(self) -> dict[str, Any]:
class AnthropicBench(Bench):
    name = "anthropic"
    stand_in = AnthropicSandbox
    model = "claude-sonnet-4-5"
    upload_path = "/v1/files$"
    file_path = "/v1/files/"
    gives_bytes_back = False
    in_every_file_part: ClassVar[Mapping[str, Any]] = {"format": "application/pdf"}
    sandbox: AnthropicSandbox

    def params(self) -> dict[str, Any]:
        return {"api_base": self.sandbox.url, "api_key": ANTHROPIC_KEY}

    def wrong_params(self) -> dict[str, Any]:
        return {**self.params(), "api_key": "sk-ant-wrong-0123456789"}

    def stored(self) -> dict[str, str]:
        return {key: file.sha256 for key, file in self.sandbox.files.items()}

    def chat_body(self, stream: bool) -> bytes:
        messages = [{"role": "user", "content": "hello"}]
        body = {"model": self.model, "max_tokens": 9, "messages": messages, "stream": stream}
        return json.dumps(body).encode()

    def secrets(self) -> list[str]:
        return [ANTHROPIC_KEY, "sk-ant-wrong-0123456789"]


        return {"api_base": f"{self.sandbox.url}/v1", "api_key": MISTRAL_KEY}

    def secrets(self) -> list[str]:
        return [MISTRAL_KEY, WRONG_KEY]


class CompatibleBench(OpenAIBench):
    """One of the OpenAI-compatible providers, each with its own flavour of the stand-in."""

    stand_in = CompatibleSandbox
    model = "accounts/fireworks/models/llama"
    upload_path = ".*/files$"
    file_path = ".*/files/"
    sandbox: CompatibleSandbox

    def started(self) -> Server:
        return CompatibleSandbox(self.name).start()

    def params(self) -> dict[str, Any]:
        base = f"{self.sandbox.url}{self.sandbox.flavour.base}"
        return {"api_base": base, "api_key": COMPATIBLE_KEY, "model": f"{self.name}/{self.model}"}

    def secrets(self) -> list[str]:
        return [COMPATIBLE_KEY, WRONG_KEY]


def _bench_of(name: str) -> type[Bench]:
    return type(f"{name}_bench", (CompatibleBench,), {"name": name})


BENCHES: tuple[type[Bench], ...] = (
    OpenAIBench,
    AzureBench,
    VertexAIBench,
    GeminiBench,
    MistralBench,
    *(_bench_of(adapter.name) for adapter in COMPATIBLE),
)
    AnthropicBench,
