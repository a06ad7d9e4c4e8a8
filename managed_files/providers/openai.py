"""OpenAI, and every server that speaks its API at another `api_base`. Knows its addresses and headers."""

from collections.abc import Mapping
from typing import Any

from managed_files.providers.base import ChatEndpoint
from managed_files.providers.openai_files import OpenAIFiles, with_query
from managed_files.records import Deployment, Parameter


class OpenAI(OpenAIFiles):
    """https://api.openai.com/v1 or the entry's `api_base`. Source: OpenAI's API description, /files."""

    name = "openai"
    prefixes = ("openai",)
    parameters = (
        Parameter("api_key", env=("OPENAI_API_KEY",), secret=True, identity=True),
        Parameter(
            "api_base",
            env=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
            default="https://api.openai.com/v1",
            identity=True,
        ),
        Parameter("organization", identity=True),
    )

    def url(self, path: str, **query: str) -> str:
        return with_query(f"{self.account.params['api_base'].rstrip('/')}/{path}", query)

    def headers(self) -> dict[str, str]:
        return self._headers(self.account.params.get("extra_headers"))

    def chat(self, deployment: Deployment, *, stream: bool) -> ChatEndpoint:
        extra = deployment.params.get("extra_headers") or self.account.params.get("extra_headers")
        return ChatEndpoint(self.url("chat/completions"), {**self._headers(extra), "Content-Type": "application/json"})

    def _headers(self, extra: Mapping[str, Any] | None) -> dict[str, str]:
        """Servers without keys expect a word all the same, and "EMPTY" is what their own examples send."""
        key = str(self.account.params.get("api_key") or "EMPTY").strip()  # a key read from a file ends with a newline
        headers = {"Authorization": f"Bearer {key}"}
        if organization := self.account.params.get("organization"):
            headers["OpenAI-Organization"] = organization
        return headers | {name: str(value) for name, value in (extra or {}).items()}
