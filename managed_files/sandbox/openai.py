"""A stand-in for api.openai.com: files, batches, chats, responses, embeddings. Wire facts: OpenAI's API description."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from managed_files.sandbox.answers import Json
from managed_files.sandbox.batch_jobs import BatchJobs, BatchSteering
from managed_files.sandbox.file_rules import DEFAULT_LIMIT, PURPOSES
from managed_files.sandbox.openai_batch_job import Rules
from managed_files.sandbox.openai_batches import BatchDesk
from managed_files.sandbox.openai_chat import complete, read_chat
from managed_files.sandbox.openai_embeddings import EMBEDDING_MODELS, embed
from managed_files.sandbox.openai_errors import bad, envelope, model_not_found, unauthorized
from managed_files.sandbox.openai_files import FileStore, StoredFile
from managed_files.sandbox.openai_responses import read_response, respond
from managed_files.sandbox.routing import Handler, Route
from managed_files.sandbox.server import Server
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

MODELS = ("gpt-4o-mini", "gpt-4o", "gpt-4.1", "gpt-4.1-mini", "gpt-5", "gpt-5-mini", "o3", "o4-mini")
DEFAULT_KEY = "sk-proj-sandbox-0123456789"

ProjectHandler = Callable[[Request, str], Reply]


class OpenAISandbox(BatchSteering, Server):
    """OpenAI with `api_keys` (key → project; keys of one project share its files) and the usual models.

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
        purposes: tuple[str, ...] = PURPOSES,
    ):
        self.api_keys = dict(api_keys or {DEFAULT_KEY: "proj_sandbox"})
        self._shelf = Shelf(keep_up_to)
        self.store = self.new_store(self._shelf, max_file_bytes, purposes)
        self.batch_jobs = BatchJobs()
        self.batches = BatchDesk(self.store, self.batch_jobs, self.batch_rules())
        super().__init__(port=port, receive_rate=receive_rate)

    def new_store(self, shelf: Shelf, max_bytes: int, purposes: tuple[str, ...]) -> FileStore:
        """Where the files will be."""
        return FileStore(shelf, max_bytes, purposes)

    def batch_rules(self) -> Rules:
        """What a batch may be, and what answers its lines."""
        handlers = {
            "/v1/chat/completions": self.chat,
            "/v1/embeddings": self._embeddings,
            "/v1/responses": self.respond,
        }
        return Rules(handlers, models=(*MODELS, *EMBEDDING_MODELS))

    @property
    def files(self) -> Mapping[str, StoredFile]:
        """What is stored now, by id, oldest first."""
        return self.store.files

    def routes(self) -> list[Route]:
        return [
            *self.batch_controls(),
            *self.file_routes("/v1"),
            *self.batch_routes("/v1"),
            Route("POST", "/v1/embeddings", self.guarded(self._embeddings)),
            Route("POST", "/v1/responses", self.guarded(self.respond)),
            Route("POST", "/v1/chat/completions", self.guarded(self.chat)),
            Route("GET", "/v1/models", self.guarded(self._models)),
            Route("GET", "/v1/models/{id}", self.guarded(self._model)),
        ]

    def file_routes(self, prefix: str) -> list[Route]:
        store = self.store
        return [
            Route("POST", f"{prefix}/files", self.guarded(store.create)),
            Route("GET", f"{prefix}/files", self.guarded(store.page)),
            Route("GET", f"{prefix}/files/{{id}}", self.guarded(store.retrieve)),
            Route("DELETE", f"{prefix}/files/{{id}}", self.guarded(store.delete)),
            Route("GET", f"{prefix}/files/{{id}}/content", self.guarded(store.content)),
        ]

    def batch_routes(self, prefix: str) -> list[Route]:
        desk = self.batches
        return [
            Route("POST", f"{prefix}/batches", self.guarded(desk.create)),
            Route("GET", f"{prefix}/batches", self.guarded(desk.page)),
            Route("GET", f"{prefix}/batches/{{id}}", self.guarded(desk.retrieve)),
            Route("POST", f"{prefix}/batches/{{id}}/cancel", self.guarded(desk.cancel)),
        ]

    def guarded(self, handler: ProjectHandler) -> Handler:
        """The handler behind the key check; it is told the key's project. Every answer carries a request id."""

        def handle(request: Request) -> Reply:
            try:
                reply = handler(request, self.project_of(request))
            except Refused as refused:
                reply = refused.reply
            return replace(reply, headers={**reply.headers, **self.answer_headers()})

        return handle

    def project_of(self, request: Request) -> str:
        """Raises a 401 in OpenAI's words."""
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or key not in self.api_keys:
            raise unauthorized(key)
        return self.api_keys[key]

    def answer_headers(self) -> Mapping[str, str]:
        return {"x-request-id": f"req_{secrets.token_hex(16)}", "openai-version": "2020-10-01"}

    def chat(self, request: Request, project: str) -> Reply:
        body = read_chat(request)
        self.check_model(body["model"])
        if body.get("max_tokens") is not None and body["model"].startswith(("o3", "o4", "gpt-5")):
            message = (
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead."
            )
            raise bad(message, param="max_tokens", code="unsupported_parameter")
        return complete(body, lambda file_id: self.store.get(project, file_id)).reply()

    def respond(self, request: Request, project: str) -> Reply:
        body = read_response(request)
        self.check_model(body["model"])
        return respond(body, lambda file_id: self.store.get(project, file_id))

    def check_model(self, model: str) -> None:
        """Raises what the provider says of a model that it does not have."""
        if model not in MODELS:
            raise model_not_found(model)

    def _embeddings(self, request: Request, project: str) -> Reply:
        return embed(request)

    def _models(self, request: Request, project: str) -> Reply:
        return json_reply({"object": "list", "data": [_model(name) for name in MODELS]})

    def _model(self, request: Request, project: str) -> Reply:
        self.check_model(request.args["id"])
        return json_reply(_model(request.args["id"]))

    def error(self, request: Request, status: int, message: str) -> Reply:
        return envelope(status, message)

    def state(self) -> Any:
        return {"files": [{**file.public(), "sha256": file.sha256} for file in self.files.values()]}

    def forget(self) -> None:
        self.batches.clear()
        self.store.clear()

    def stop(self) -> None:
        super().stop()
        self._shelf.close()


def _model(name: str) -> Json:
    return {"id": name, "object": "model", "created": 1721172741, "owned_by": "system"}
