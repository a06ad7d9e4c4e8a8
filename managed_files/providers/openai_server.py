"""A server with OpenAI's API at `api_base`, behind a bearer key. Knows addresses and headers, no provider by name."""

from collections.abc import Mapping
from typing import Any, ClassVar

from managed_files.batch_records import EMBEDDINGS, RESPONSES
from managed_files.providers.base import ChatEndpoint
from managed_files.providers.openai_files import OpenAIFiles, with_query
from managed_files.records import Deployment


class OpenAIServer(OpenAIFiles):
    """For adapters whose parameters include `api_key` and `api_base`."""

    relays: ClassVar[tuple[str, ...]] = (EMBEDDINGS, RESPONSES)

    def url(self, path: str, **query: str) -> str:
        return with_query(f"{self.account.params['api_base'].rstrip('/')}/{path}", query)

    def headers(self) -> dict[str, str]:
        return self._headers(self.account.params.get("extra_headers"))

    def chat(self, deployment: Deployment, *, stream: bool) -> ChatEndpoint:
        extra = deployment.params.get("extra_headers") or self.account.params.get("extra_headers")
        return ChatEndpoint(self.url("chat/completions"), {**self._headers(extra), "Content-Type": "application/json"})

    def elsewhere(self, deployment: Deployment, endpoint: str) -> ChatEndpoint:
        chat = self.chat(deployment, stream=False)
        return ChatEndpoint(self.url(endpoint.removeprefix("/v1/")), chat.headers)

    def credentials(self) -> dict[str, str]:
        """Servers without keys expect a word all the same, and "EMPTY" is what their own examples send."""
        key = str(self.account.params.get("api_key") or "EMPTY")
        return {"Authorization": f"Bearer {key}"}

    def _headers(self, extra: Mapping[str, Any] | None) -> dict[str, str]:
        return self.credentials() | {name: str(value) for name, value in (extra or {}).items()}
