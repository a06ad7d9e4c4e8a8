"""A stand-in for api.mistral.ai: files and chat completions. Wire facts: Mistral's API description."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from managed_files.sandbox.mistral_chat import complete, read_chat
from managed_files.sandbox.mistral_errors import bad, flat, unauthorized
from managed_files.sandbox.mistral_files import DEFAULT_LIMIT, MistralFile, MistralFiles
from managed_files.sandbox.routing import Handler, Route
from managed_files.sandbox.server import Server
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.wire import Refused, Reply, Request

MODELS = ("mistral-small-latest", "mistral-medium-latest", "mistral-large-latest", "magistral-medium-latest")
DEFAULT_KEY = "mistral-sandbox-0123456789"

WorkspaceHandler = Callable[[Request, str], Reply]


class MistralSandbox(Server):
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
        super().__init__(port=port, receive_rate=receive_rate)

    @property
    def files(self) -> Mapping[str, MistralFile]:
        """What is stored now, by id, oldest first."""
        return self.store.files

    def routes(self) -> list[Route]:
        store = self.store
        return [
            Route("POST", "/v1/files", self._guarded(store.create)),
            Route("GET", "/v1/files", self._guarded(store.page)),
            Route("GET", "/v1/files/{id}", self._guarded(store.retrieve)),
            Route("DELETE", "/v1/files/{id}", self._guarded(store.delete)),
            Route("GET", "/v1/files/{id}/content", self._guarded(store.content)),
            Route("POST", "/v1/chat/completions", self._guarded(self._chat)),
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

    def error(self, request: Request, status: int, message: str) -> Reply:
        return flat(status, message)

    def state(self) -> Any:
        return {"files": [{**file.public(), "sha256": file.sha256} for file in self.files.values()]}

    def reset(self) -> None:
        super().reset()
        self.store.clear()

    def stop(self) -> None:
        super().stop()
        self.store.clear()
        self._shelf.close()
