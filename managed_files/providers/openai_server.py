"""A server with OpenAI's API at `api_base`, behind a bearer key. Knows addresses and headers, no provider by name."""

from typing import ClassVar

from managed_files.batch_records import EMBEDDINGS, RESPONSES
from managed_files.providers.base import ChatEndpoint, extra_headers
from managed_files.providers.openai_files import OpenAIFiles, with_query
from managed_files.records import Deployment


class OpenAIServer(OpenAIFiles):
    """For adapters whose parameters include `api_key` and `api_base`."""

    relays: ClassVar[tuple[str, ...]] = (EMBEDDINGS, RESPONSES)

    def url(self, path: str, **query: str) -> str:
        return with_query(f"{self.account.params['api_base'].rstrip('/')}/{path}", query)

    def headers(self) -> dict[str, str]:
        return self.credentials() | extra_headers(self.account.params)

    def chat(self, deployment: Deployment, *, stream: bool) -> ChatEndpoint:
        headers = self.credentials() | extra_headers(deployment.params) | {"Content-Type": "application/json"}
        return ChatEndpoint(self.url("chat/completions"), headers)

    def elsewhere(self, deployment: Deployment, endpoint: str) -> ChatEndpoint:
        chat = self.chat(deployment, stream=False)
        return ChatEndpoint(self.url(endpoint.removeprefix("/v1/")), chat.headers)

    def credentials(self) -> dict[str, str]:
        """Servers without keys expect a word all the same, and "EMPTY" is what their own examples send."""
        key = str(self.account.params.get("api_key") or "EMPTY")
        return {"Authorization": f"Bearer {key}"}
