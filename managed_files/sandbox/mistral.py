"""A stand-in for api.mistral.ai: files, chats, embeddings, batches. Wire facts: Mistral's API description."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from managed_files.sandbox.batch_jobs import BatchJobs, BatchSteering
from managed_files.sandbox.inward import asked, posted
from managed_files.sandbox.mistral_batches import MistralJobs
from managed_files.sandbox.mistral_chat import complete, read_chat
from managed_files.sandbox.mistral_embeddings import EMBEDDING_MODELS, embed
from managed_files.sandbox.mistral_errors import bad, flat, unauthorized
from managed_files.sandbox.mistral_files import DEFAULT_LIMIT, MistralFile, MistralFiles
from managed_files.sandbox.routing import Handler, Route
from managed_files.sandbox.server import Server
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

MODELS = ("mistral-small-latest", "mistral-medium-latest", "mistral-large-latest", "magistral-medium-latest")
DEFAULT_KEY = "mistral-sandbox-0123456789"

WorkspaceHandler = Callable[[Request, str], Reply]


class MistralSandbox(BatchSteering, Server):
    """Mistral with `api_keys` (key → workspace; keys of one workspace share its files) and some models.

    `max_file_bytes`: larger files are refused. `keep_up_to`: larger files are measured but not kept on disk.
    """

    def __init__(
        self,
        *,
        api_keys: Mapping[str, str] | None = None,
        receive_rate: float | None = None,
        port: int = 0,
        max_file_bytes: int = DEFAULT_LIMIT,
        keep_up_to: int | None = None,
    ):
        self.api_keys = dict(api_keys or {DEFAULT_KEY: "workspace"})
        self._shelf = Shelf(keep_up_to)
        self.store = MistralFiles(self._shelf, max_file_bytes)
        self.batch_jobs = BatchJobs()
        models = (*MODELS, *EMBEDDING_MODELS)
        self.jobs = MistralJobs(models, self.store, self._shelf, self.batch_jobs, self._asked)
        super().__init__(port=port, receive_rate=receive_rate)

    @property
    def files(self) -> Mapping[str, MistralFile]:
        """What is stored now, by id, oldest first."""
        return self.store.files

    def routes(self) -> list[Route]:
        store, jobs = self.store, self.jobs
        return [
            *self.batch_controls(),
            Route("POST", "/v1/files", self._guarded(store.create)),
            Route("GET", "/v1/files", self._guarded(store.page)),
            Route("GET", "/v1/files/{id}", self._guarded(store.retrieve)),
            Route("DELETE", "/v1/files/{id}", self._guarded(store.delete)),
            Route("GET", "/v1/files/{id}/content", self._guarded(store.content)),
            Route("POST", "/v1/chat/completions", self._guarded(self._chat)),
            Route("POST", "/v1/embeddings", self._guarded(self._embeddings)),
            Route("POST", "/v1/batch/jobs", self._guarded(jobs.create)),
            Route("GET", "/v1/batch/jobs", self._guarded(jobs.page)),
            Route("GET", "/v1/batch/jobs/{id}", self._guarded(jobs.retrieve)),
            Route("DELETE", "/v1/batch/jobs/{id}", self._guarded(jobs.delete)),
            Route("POST", "/v1/batch/jobs/{id}/cancel", self._guarded(jobs.cancel)),
        ]

    def _guarded(self, handler: WorkspaceHandler) -> Handler:
        """The handler behind the key check; it is told the key's workspace."""

        def handle(request: Request) -> Reply:
            scheme, _, key = request.headers.get("Authorization", "").partition(" ")
            if scheme != "Bearer" or key not in self.api_keys:
                raise unauthorized()
            try:
                reply = handler(request, self.api_keys[key])
            except Refused as refused:
                reply = refused.reply
            return replace(reply, headers={**reply.headers, "mistral-correlation-id": secrets.token_hex(16)})

        return handle

    def _chat(self, request: Request, workspace: str) -> Reply:
        body = read_chat(request)
        if body["model"] not in MODELS:
            raise bad(f"Invalid model: {body['model']}", kind="invalid_model", code="1500")
        return complete(body, lambda file_id: self.store.get(workspace, file_id)).reply()

    def _embeddings(self, request: Request, workspace: str) -> Reply:
        return json_reply(embed(request))

    def _asked(self, endpoint: str, body: bytes, workspace: str) -> Reply:
        """A batch's line, by the handler of its endpoint."""
        handler = self._embeddings if endpoint == "/v1/embeddings" else self._chat
        return asked(lambda request: handler(request, workspace), posted(endpoint, body))

    def error(self, request: Request, status: int, message: str) -> Reply:
        return flat(status, message)

    def state(self) -> Any:
        return {"files": [{**file.public(), "sha256": file.sha256} for file in self.files.values()]}

    def forget(self) -> None:
        self.jobs.clear()
        self.store.clear()

    def stop(self) -> None:
        super().stop()
        self._shelf.close()
