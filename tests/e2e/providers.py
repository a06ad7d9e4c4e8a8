"""The sandbox providers behind a gateway under test, the configuration that names them, and what they hold."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from managed_files.sandbox import AzureSandbox, GoogleSandbox, OpenAISandbox
from tests.e2e.gateway import MASTER_KEY

GEMINI, GPT, GPT_BIG, AZURE = "gemini-2.0-flash", "gpt-4o-mini-openai", "gpt-4o-openai", "gpt-4o-azure"
IMPATIENT, LOCKED_OUT = "gpt-4o-impatient", "gpt-4o-locked-out"
BOTH = f"{GPT}, {GEMINI}"
WRONG_KEY = "sk-proj-revoked-9876543210"


@dataclass(frozen=True)
class Providers:
    """The real servers. Empty at the start of each test."""

    openai: OpenAISandbox
    azure: AzureSandbox
    google: GoogleSandbox

    def reset(self) -> None:
        for server in (self.openai, self.azure, self.google):
            server.reset()

    def stored(self) -> dict[str, list[str]]:
        """SHA-256 of everything that is stored, by provider; providers without a file are left out."""
        shelves: dict[str, Mapping[str, Any]] = {
            "openai": self.openai.files,
            "azure": self.azure.files,
            "vertex_ai": self.google.objects,
        }
        return {name: [item.sha256 for item in shelf.values()] for name, shelf in shelves.items() if shelf}

    def idle(self) -> bool:
        """Whether every request that came in has ended."""
        return all(request.finished for server in (self.openai, self.azure, self.google) for request in server.requests)


@contextmanager
def serve() -> Iterator[Providers]:
    with OpenAISandbox() as openai, AzureSandbox() as azure, GoogleSandbox() as google:
        yield Providers(openai, azure, google)


def configuration(providers: Providers, **general: Any) -> dict[str, Any]:
    """Five models at four accounts, and one whose key OpenAI refuses."""
    openai, azure, google = providers.openai, providers.azure, providers.google
    at_openai = {"api_base": f"{openai.url}/v1", "api_key": next(iter(openai.api_keys))}
    gemini = {
        "model": "vertex_ai/gemini-2.0-flash",
        "vertex_project": google.project,
        "vertex_location": "us-central1",
        "vertex_credentials": google.service_account_info(),
        "gcs_bucket_name": google.bucket,
        "api_base": google.url,
        "storage_endpoint": google.url,
    }
    models = {
        GEMINI: gemini,
        GPT: {"model": "gpt-4o-mini", **at_openai},
        GPT_BIG: {"model": "openai/gpt-4o", **at_openai},
        AZURE: {
            "model": "azure/gpt-4o",
            "api_base": azure.url,
            "api_key": next(iter(azure.api_keys)),
            "api_version": "2024-10-21",
        },
        IMPATIENT: {"model": "gpt-4o", **at_openai, "account": "impatient", "timeout": 1},
        LOCKED_OUT: {"model": "gpt-4o", **at_openai, "api_key": WRONG_KEY},
    }
    return {
        "model_list": [{"model_name": name, "litellm_params": params} for name, params in models.items()],
        "general_settings": {"master_key": MASTER_KEY, **general},
        "router_settings": {"num_retries": 0},  # so that one fault is one failure
    }
