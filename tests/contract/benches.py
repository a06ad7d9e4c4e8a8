"""One bench per provider: its adapter beside the stand-in it talks to. All that the suite knows of any one of them."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from managed_files.providers.compatible import COMPATIBLE
from managed_files.sandbox.anthropic import DEFAULT_KEY as ANTHROPIC_KEY
from managed_files.sandbox.anthropic import AnthropicSandbox
from managed_files.sandbox.azure import DEFAULT_KEY as AZURE_KEY
from managed_files.sandbox.azure import AzureSandbox
from managed_files.sandbox.bedrock import DEFAULT_SECRET as AWS_SECRET
from managed_files.sandbox.bedrock import TEMPORARY_KEY, TEMPORARY_TOKEN, BedrockSandbox
from managed_files.sandbox.compatible import DEFAULT_KEY as COMPATIBLE_KEY
from managed_files.sandbox.compatible import CompatibleSandbox
from managed_files.sandbox.gemini import DEFAULT_KEY as GEMINI_KEY
from managed_files.sandbox.gemini import GeminiSandbox
from managed_files.sandbox.google import GoogleSandbox
from managed_files.sandbox.mistral import DEFAULT_KEY as MISTRAL_KEY
from managed_files.sandbox.mistral import MistralSandbox
from managed_files.sandbox.openai import DEFAULT_KEY, OpenAISandbox
from managed_files.sandbox.server import Server
from tests.contract.bench import CONTENT, FILE_ID, WRONG_KEY, Bench, sending

__all__ = ["BENCHES", "CONTENT", "FILE_ID", "WRONG_KEY", "Bench", "sending"]


class OpenAIBench(Bench):
    name = "openai"
    stand_in: ClassVar[type[Server]] = OpenAISandbox
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


class MistralBench(OpenAIBench):
    name = "mistral"
    stand_in = MistralSandbox
    model = "mistral-small-latest"
    returns_content = True

    def params(self) -> dict[str, Any]:
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


class BedrockBench(Bench):
    name = "bedrock"
    stand_in = BedrockSandbox
    model = "us.amazon.nova-lite-v1:0"
    upload_method = "PUT"
    upload_path = "/sandbox-bucket/shared/"
    file_path = "/sandbox-bucket/shared/"
    returns_content = True
    in_every_file_part: ClassVar[Mapping[str, Any]] = {"format": "application/pdf"}
    refusal = 403
    stream_type = "application/vnd.amazon.eventstream"
    sandbox: BedrockSandbox

    def params(self) -> dict[str, Any]:
        return {
            "aws_region_name": self.sandbox.region,
            "aws_access_key_id": TEMPORARY_KEY,
            "aws_secret_access_key": AWS_SECRET,
            "aws_session_token": TEMPORARY_TOKEN,
            "aws_bedrock_runtime_endpoint": self.sandbox.url,
            "s3_bucket_name": f"s3://{self.sandbox.bucket}/shared",
            "s3_endpoint_url": self.sandbox.url,
        }

    def wrong_params(self) -> dict[str, Any]:
        return {**self.params(), "aws_secret_access_key": "wrong-secret-0123456789"}

    def stored(self) -> dict[str, str]:
        return {uri: stored.sha256 for uri, stored in self.sandbox.objects.items()}

    def chat_body(self, stream: bool) -> bytes:
        return json.dumps({"messages": [{"role": "user", "content": [{"text": "hello"}]}]}).encode()

    def wait_for_beginning(self) -> None:
        """A small file is signed before it is sent, for the stand-in speaks no TLS."""

    def secrets(self) -> list[str]:
        """The secret key never leaves this machine, so no provider can quote it."""
        return [TEMPORARY_TOKEN]

    def sent_credentials(self) -> list[str]:
        """A signature is of no use for another request."""
        return [request.headers.get("x-amz-security-token", "missing") for request in self.sandbox.requests]


BENCHES: tuple[type[Bench], ...] = (
    OpenAIBench,
    AzureBench,
    VertexAIBench,
    GeminiBench,
    AnthropicBench,
    MistralBench,
    BedrockBench,
    *(_bench_of(adapter.name) for adapter in COMPATIBLE),
)
