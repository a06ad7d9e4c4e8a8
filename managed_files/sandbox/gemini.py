"""A stand-in for the Gemini API (Google AI Studio): keys, files, models. Wire facts: generativelanguage v1beta."""

from collections.abc import Callable, Mapping
from typing import Any

from managed_files.sandbox.batch_jobs import BatchJobs, BatchSteering
from managed_files.sandbox.gemini_batches import ContentBatches
from managed_files.sandbox.gemini_calls import in_an_array, with_errors_in_an_array
from managed_files.sandbox.gemini_embeddings import embed
from managed_files.sandbox.gemini_files import LIFE, FileStore, StoredFile
from managed_files.sandbox.gemini_models import StudioModels
from managed_files.sandbox.gemini_uploads import Uploads
from managed_files.sandbox.google_errors import invalid, refused, rpc_error
from managed_files.sandbox.routing import Handler, Route
from managed_files.sandbox.server import Server
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

DEFAULT_KEY = "AIzaSandbox-0123456789-abcdefghijklmnop"
_VERSIONS = ("v1beta", "v1")
_MAX_FILE = 2 << 30
_MAX_REQUEST = 100 << 20

ProjectHandler = Callable[[Request, str], Reply]


class GeminiSandbox(BatchSteering, Server):
    """The API with `api_keys` (key → project; keys of one project share its files) and the usual models.

    `file_life`: seconds. `processing`: how often a video, a sound or a batch's input is looked at before it is usable.
    `granularity`: bytes of which a chunk has to be a multiple. `max_request_bytes`: of a prompt, what stands in it
    included. `keep_up_to`: larger files are measured but not kept on disk.
    """

    def __init__(
        self,
        *,
        api_keys: Mapping[str, str] | None = None,
        receive_rate: float | None = None,
        port: int = 0,
        max_file_bytes: int = _MAX_FILE,
        max_request_bytes: int = _MAX_REQUEST,
        keep_up_to: int | None = None,
        file_life: float = LIFE,
        processing: int = 0,
        granularity: int = 256 << 10,
    ):
        self.api_keys = dict(api_keys or {DEFAULT_KEY: "projects/1"})
        self._shelf = Shelf(keep_up_to)
        self.store = FileStore(self._shelf, file_life, processing)
        self._uploads = Uploads(self.store, self._shelf, lambda: self.url, granularity, max_file_bytes)
        self._models = StudioModels(self.store, self.project_of, max_request_bytes)
        self.batch_jobs = BatchJobs()
        self.content_batches = ContentBatches(self._models, self.store, self._shelf, self.batch_jobs)
        super().__init__(port=port, receive_rate=receive_rate)

    @property
    def files(self) -> Mapping[str, StoredFile]:
        """What is stored now, by URI, oldest first."""
        return {file.uri: file for file in self.store.files.values()}

    def routes(self) -> list[Route]:
        versioned = [route for version in _VERSIONS for route in self._routes_of(version)]
        return [*self.batch_controls(), *versioned]

    def _routes_of(self, version: str) -> list[Route]:
        files, model, batches = f"/{version}/files", f"/{version}/models/{{model}}", f"/{version}/batches"
        return [
            Route("POST", f"/upload{files}", self._upload),
            Route("GET", files, self._guarded(self.store.page)),
            Route("GET", f"{files}/{{id}}:download", self._guarded(self.store.download)),
            Route("GET", f"{files}/{{id}}", self._guarded(self.store.retrieve)),
            Route("DELETE", f"{files}/{{id}}", self._guarded(self.store.delete)),
            Route("POST", f"{model}:generateContent", with_errors_in_an_array(self._models.generate)),
            Route("POST", f"{model}:streamGenerateContent", with_errors_in_an_array(self._models.stream)),
            Route("POST", f"{model}:batchGenerateContent", self._guarded(self.content_batches.create)),
            Route("POST", f"/{version}/openai/embeddings", self._embeddings),
            Route("GET", batches, self._guarded(self.content_batches.page)),
            Route("GET", f"{batches}/{{id}}", self._guarded(self.content_batches.retrieve)),
            Route("POST", f"{batches}/{{id}}:cancel", self._guarded(self.content_batches.cancel)),
            Route("DELETE", f"{batches}/{{id}}", self._guarded(self.content_batches.delete)),
        ]

    def _upload(self, request: Request) -> Reply:
        """A session's address is enough to go on; only the start needs a key."""
        if "upload_id" in request.query:
            return self._uploads.go_on(request)
        return self._uploads.start(request, self.project_of(request))

    def _embeddings(self, request: Request) -> Reply:
        """OpenAI's path at Google: the key comes as a bearer."""
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.api_keys:
            return in_an_array(_bad_key().reply)
        return embed(request)

    def _guarded(self, handler: ProjectHandler) -> Handler:
        """The handler behind the key check; it is told the key's project."""
        return lambda request: handler(request, self.project_of(request))

    def project_of(self, request: Request) -> str:
        """By the key in `x-goog-api-key` or `?key=`. Raises Google's 403 for none, and its 400 for a wrong one."""
        key = request.headers.get("x-goog-api-key") or request.query.get("key")
        if not key:
            raise refused(
                403,
                "Method doesn't allow unregistered callers (callers without established identity). Please use API Key "
                "or other form of API consumer identity to call this API.",
            )
        if key not in self.api_keys:
            raise _bad_key()
        return self.api_keys[key]

    def error(self, request: Request, status: int, message: str) -> Reply:
        return json_reply(rpc_error(status, message), status)

    def state(self) -> Any:
        return {"files": [{**file.resource(), "sha256": file.sha256} for file in self.files.values()]}

    def stop(self) -> None:
        super().stop()
        self._shelf.close()

    def forget(self) -> None:
        self.content_batches.clear()
        self._uploads.clear()
        self.store.clear()


def _bad_key() -> Refused:
    reason = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }
    return invalid("API key not valid. Please pass a valid API key.", [reason])
