"""Azure OpenAI, in its v1 and its dated flavour. Knows which of the two an entry means, and what they refuse."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar
from urllib.parse import quote

from managed_files.batch_records import CHAT, EMBEDDINGS, RESPONSES
from managed_files.errors import ProviderFailed
from managed_files.providers.base import ChatEndpoint, extra_headers
from managed_files.providers.openai_batches import OpenAIBatches
from managed_files.providers.openai_files import OpenAIFiles, with_query
from managed_files.records import Account, Copy, Deployment, Parameter, Upload
from managed_files.upstream import Upstream

_V1 = ("v1", "preview", "latest")


class AzureBatches(OpenAIBatches):
    """A line names the deployment as its model. Source: Azure's batch guide, which writes the path of chats so.

    There are no batches for models of embeddings, says the same guide.
    """

    endpoints = (CHAT, RESPONSES)
    paths: ClassVar[Mapping[str, str]] = {CHAT: "/chat/completions"}


class Azure(OpenAIFiles):
    """`{resource}/openai/v1/…` with the deployment in the body, or `{resource}/openai/…?api-version=<date>` with the
    deployment in the chat path. Files live beside the deployments in both. Source: Azure's v1 API description.
    """

    name = "azure"
    dialect = "openai_itself"
    prefixes = ("azure",)
    batch_api = AzureBatches
    relays = (EMBEDDINGS,)
    parameters = (
        Parameter("api_base", env=("AZURE_API_BASE",), identity=True, required=True),
        Parameter("api_key", env=("AZURE_API_KEY",), secret=True, identity=True),
        Parameter("api_version", env=("AZURE_API_VERSION",), default="v1"),
        Parameter("azure_ad_token", env=("AZURE_AD_TOKEN",), secret=True, identity=True),
    )

    def __init__(self, account: Account, upstream: Upstream):
        super().__init__(account, upstream)
        self._version = str(account.params.get("api_version") or "v1")
        self._refuses_user_data = False
        self._batches = AzureBatches(self)

    def url(self, path: str, **query: str) -> str:
        return self._url(self._version, path, query)

    def headers(self) -> dict[str, str]:
        return {**self._credentials(), **extra_headers(self.account.params)}

    def fields(self, upload: Upload) -> dict[str, str]:
        """The dated API knows no `expires_after`; the gateway ends the file's life itself."""
        return super().fields(upload if self._is_v1(self._version) else replace(upload, expires_after=None))

    def upload(self, upload: Upload) -> Copy:
        """Azure has long refused the purpose `user_data` with a 400; `assistants` does the same there."""
        as_assistants = replace(upload, purpose="assistants")
        if upload.purpose != "user_data":
            return super().upload(upload)
        if self._refuses_user_data:
            return super().upload(as_assistants)
        try:
            return super().upload(upload)
        except ProviderFailed as refused:
            if refused.upstream_status != 400:
                raise
        copy = super().upload(as_assistants)
        self._refuses_user_data = True  # remembered only when the purpose was what it refused
        return copy

    def batches(self) -> AzureBatches:
        return self._batches

    def chat(self, deployment: Deployment, *, stream: bool) -> ChatEndpoint:
        return self.elsewhere(deployment, CHAT)

    def elsewhere(self, deployment: Deployment, endpoint: str) -> ChatEndpoint:
        """By the entry's own version: entries of one account share its files, and may call differently."""
        version, path = str(deployment.params.get("api_version") or self._version), endpoint.removeprefix("/v1/")
        dated = f"deployments/{quote(deployment.model, safe='')}/{path}"
        url = self._url(version, path if self._is_v1(version) else dated, {})
        headers = {**self._credentials(), **extra_headers(deployment.params), "Content-Type": "application/json"}
        return ChatEndpoint(url, headers)

    def _credentials(self) -> dict[str, str]:
        if token := self.account.params.get("azure_ad_token"):
            return {"Authorization": f"Bearer {token}"}
        return {"api-key": str(self.account.params.get("api_key") or "")}

    def _is_v1(self, version: str) -> bool:
        return version in _V1 or self.account.params["api_base"].rstrip("/").endswith("/openai/v1")

    def _url(self, version: str, path: str, query: dict[str, str]) -> str:
        v1 = self._is_v1(version)
        resource = self.account.params["api_base"].rstrip("/").removesuffix("/v1").removesuffix("/openai")
        versioned = query if v1 and version != "preview" else {**query, "api-version": version}
        return with_query(f"{resource}/openai{'/v1' if v1 else ''}/{path}", versioned)
