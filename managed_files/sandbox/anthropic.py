"""A stand-in for api.anthropic.com: files, messages, batches, models, at both versions of the API."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from managed_files.sandbox.answers import Json
from managed_files.sandbox.anthropic_access import Access, access_of
from managed_files.sandbox.anthropic_answers import answer
from managed_files.sandbox.anthropic_batches import MessageBatches
from managed_files.sandbox.anthropic_errors import bad, envelope, refused, request_id
from managed_files.sandbox.anthropic_files import MAX_FILE, FileStore, StoredFile
from managed_files.sandbox.anthropic_models import MODELS
from managed_files.sandbox.batch_jobs import BatchJobs, BatchSteering
from managed_files.sandbox.borders import at_odd_borders
from managed_files.sandbox.json_text import compact
from managed_files.sandbox.routing import Handler, Route
from managed_files.sandbox.server import Server
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.wire import Reply, Request, json_reply

DEFAULT_KEY = "sk-ant-api03-sandbox-0123456789"

AccessHandler = Callable[[Request, Access], Reply]


class AnthropicSandbox(BatchSteering, Server):
    """Anthropic with `api_keys` (key → workspace; keys of one workspace share its files) and the usual models.

    `max_file_bytes`: larger files are refused. `keep_up_to`: larger files are measured but not kept on disk.
    """

    def __init__(
        self,
        *,
        api_keys: Mapping[str, str] | None = None,
        receive_rate: float | None = None,
        port: int = 0,
        max_file_bytes: int = MAX_FILE,
        keep_up_to: int | None = None,
    ):
        self.api_keys = dict(api_keys or {DEFAULT_KEY: "wrkspc_sandbox"})
        self._shelf = Shelf(keep_up_to)
        self.store = FileStore(self._shelf, max_file_bytes)
        self.batch_jobs = BatchJobs()
        self.batches = MessageBatches(
            self._shelf,
            self.batch_jobs,
            lambda body, access: answer(body, access, self.store).whole(),
            lambda: self.url,
        )
        super().__init__(port=port, receive_rate=receive_rate)

    @property
    def files(self) -> Mapping[str, StoredFile]:
        """What is stored now, by id, oldest first."""
        return self.store.files

    def routes(self) -> list[Route]:
        store, batches = self.store, self.batches
        return [
            *self.batch_controls(),
            Route("POST", "/v1/files", self._guarded(_with_files(store.create))),
            Route("GET", "/v1/files", self._guarded(_with_files(store.page))),
            Route("GET", "/v1/files/{id}", self._guarded(_with_files(store.retrieve))),
            Route("DELETE", "/v1/files/{id}", self._guarded(_with_files(store.delete))),
            Route("GET", "/v1/files/{id}/content", self._guarded(_with_files(store.content))),
            Route("POST", "/v1/messages", self._guarded(self._messages)),
            Route("POST", "/v1/messages/batches", self._guarded(batches.create)),
            Route("GET", "/v1/messages/batches", self._guarded(batches.page)),
            Route("GET", "/v1/messages/batches/{id}", self._guarded(batches.retrieve)),
            Route("DELETE", "/v1/messages/batches/{id}", self._guarded(batches.delete)),
            Route("POST", "/v1/messages/batches/{id}/cancel", self._guarded(batches.cancel)),
            Route("GET", "/v1/messages/batches/{id}/results", self._guarded(batches.results)),
            Route("GET", "/v1/models", self._guarded(self._models)),
        ]

    def _guarded(self, handler: AccessHandler) -> Handler:
        """The handler behind the key check. Every answer carries a request id."""

        def handle(request: Request) -> Reply:
            reply = handler(request, access_of(request, self.api_keys))
            return replace(reply, headers={**reply.headers, "request-id": request_id()})

        return handle

    def _messages(self, request: Request, access: Access) -> Reply:
        try:
            body = request.body.json()
        except ValueError as error:
            raise bad(f"The request body is not valid JSON: {error}") from error
        made = answer(body, access, self.store)
        if not body.get("stream"):
            return json_reply(made.whole())
        headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
        return Reply(200, at_odd_borders(_events(made.events())), headers)

    def _models(self, request: Request, access: Access) -> Reply:
        data = [{"type": "model", "id": name, "display_name": name} for name in MODELS]
        return json_reply({"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]})

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


def _with_files(handler: AccessHandler) -> AccessHandler:
    def handle(request: Request, access: Access) -> Reply:
        if not access.files:
            raise refused(404, "Not found")
        return handler(request, access)

    return handle


def _events(events: Iterator[tuple[str, Json]]) -> Iterator[bytes]:
    for name, data in events:
        yield b"event: %b\ndata: %b\n\n" % (name.encode(), compact({"type": name, **data}))
