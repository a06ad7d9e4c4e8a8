"""The Gemini API (Google AI Studio). Knows what an entry may say, and what a file's life there is like."""

from typing import Any

from managed_files.batch_records import EMBEDDINGS
from managed_files.dialects.gemini_types import for_gemini
from managed_files.errors import ProviderFailed
from managed_files.providers.base import ChatEndpoint, Provider, extra_headers
from managed_files.providers.gemini_batches import GeminiBatches
from managed_files.providers.gemini_files import HOST, File, GeminiFiles, expiry_of, path_of, planned_uri, state_of
from managed_files.providers.parts import as_typed_file_part
from managed_files.providers.wire import Wire, timeout_in
from managed_files.records import Account, Copy, CopyState, Deployment, Parameter, Upload
from managed_files.upstream import Upstream


class Gemini(Provider):
    """A file lives for 48 hours in the key's project, and Google never gives its bytes back.

    The remote id is the file's URI: messages carry it, and the name by which the file is deleted is its last segment.
    Source: generativelanguage v1beta, FileService and GenerativeService.
    """

    name = "gemini"
    dialect = "gemini_api"
    batch_api = GeminiBatches
    expiry = "after 48 hours at most"
    relays = (EMBEDDINGS,)
    prefixes = ("gemini",)
    parameters = (
        Parameter("api_key", env=("GEMINI_API_KEY", "GOOGLE_API_KEY"), secret=True, identity=True, required=True),
        Parameter("api_base", env=("GEMINI_API_BASE", "GOOGLE_GEMINI_BASE_URL"), default=HOST, identity=True),
    )

    def __init__(self, account: Account, upstream: Upstream):
        super().__init__(account, upstream)
        self._wire = Wire(self.name, upstream, timeout_in(account.params))
        self._files = GeminiFiles(account.params.get("api_base") or HOST, self._wire, self._headers)
        self._batches = GeminiBatches(account.name, self._files, self._wire, self._headers)

    def planned_id(self, upload: Upload) -> str:
        return planned_uri(self.account.name, upload.file_id)

    def upload(self, upload: Upload) -> Copy:
        """Google wants the size first, so a file whose size nobody promised is waited for."""
        size = upload.source.size()
        if size is None:
            size = upload.source.wait()
        uri = self.planned_id(upload)
        file = self._files.store(uri, upload.filename, _stored_type(upload), upload.source, size)
        return self._copy(upload, file or self._found(uri))

    def resolve(self, copy: Copy, part: dict[str, Any]) -> dict[str, Any]:
        """`file.format` is the MIME type that goes with the URI: the client's own word, or what is stored."""
        return as_typed_file_part(part, copy)

    def delete(self, remote_id: str) -> None:
        self._files.delete(remote_id)

    def find(self, file_id: str, since: int | None = None) -> list[str]:
        """We choose the name, so one look is enough. It must be free before an upload is repeated."""
        uri = planned_uri(self.account.name, file_id)
        return [] if self._files.get(uri) is None else [uri]

    def ready(self, remote_id: str) -> CopyState:
        """`state` of the file; one that is gone has failed."""
        file = self._files.get(remote_id)
        return CopyState.FAILED if file is None else state_of(file)

    def chat(self, deployment: Deployment, *, stream: bool) -> ChatEndpoint:
        # without alt=sse the stream is one JSON array
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        own = extra_headers(deployment.params)
        headers = {"x-goog-api-key": self._key(), **own, "Content-Type": "application/json"}
        return ChatEndpoint(f"{self._files.url(path_of(deployment.model))}:{method}", headers)

    def elsewhere(self, deployment: Deployment, endpoint: str) -> ChatEndpoint:
        """Google's OpenAI-compatible paths take the key as a bearer. Source: ai.google.dev, OpenAI compatibility."""
        own = extra_headers(deployment.params)
        headers = {**own, "Authorization": f"Bearer {self._key()}", "Content-Type": "application/json"}
        return ChatEndpoint(self._files.url(f"openai/{endpoint.removeprefix('/v1/')}"), headers)

    def batches(self) -> GeminiBatches:
        return self._batches

    def _found(self, uri: str) -> File:
        """The file whose upload is complete, although the answer that told of it was lost."""
        try:
            return self._files.get(uri) or {}
        except ProviderFailed as failure:
            failure.ambiguous = True
            raise

    def _copy(self, upload: Upload, file: File) -> Copy:
        uri, state = file.get("uri"), state_of(file)
        if not isinstance(uri, str):
            raise self._wire.nonsense("a file without a URI")
        if state is CopyState.FAILED:  # it is there all the same, so that the gateway has to remove it
            raise ProviderFailed(self.name, f"{self.name} could not process the file.", ambiguous=True)
        return Copy(upload.file_id, self.account.name, self.name, state, uri, upload.mime_type, expiry_of(file))

    def _headers(self) -> dict[str, str]:
        """The key goes in a header: addresses end up in logs."""
        return {"x-goog-api-key": self._key(), **extra_headers(self.account.params)}

    def _key(self) -> str:
        return str(self.account.params["api_key"])


def _stored_type(upload: Upload) -> str:
    """As every use names it; a batch is read under the type that it came with."""
    return upload.mime_type if upload.purpose == "batch" else for_gemini(upload.mime_type)
