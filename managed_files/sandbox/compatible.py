"""A stand-in for servers with OpenAI's chat API that are not OpenAI: one server, a flavour for each provider.

Wire facts: the providers' API references; vLLM's answers; LiteLLM's pages on managed files.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from managed_files.sandbox.answers import Json
from managed_files.sandbox.file_rules import DEFAULT_LIMIT, PURPOSES
from managed_files.sandbox.forms import Form
from managed_files.sandbox.openai import OpenAISandbox, ProjectHandler
from managed_files.sandbox.openai_batch_job import Rules
from managed_files.sandbox.openai_chat import complete, read_chat
from managed_files.sandbox.openai_errors import bad, envelope
from managed_files.sandbox.openai_files import FileStore, StoredFile
from managed_files.sandbox.routing import Handler, Route
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.wire import Reply, Request

DEFAULT_KEY = "sk-compatible-0123456789"
_PAGING = ("first_id", "last_id", "has_more")


def _as_text(status: int, error: Json) -> Json:
    """xAI: `error` is the message itself."""
    return {"code": str(error.get("code") or "invalid-argument"), "error": error["message"]}


def _as_vllm(status: int, error: Json) -> Json:
    """vLLM: the code is a number; what the web framework says itself is FastAPI's."""
    if status == 404:
        return {"detail": "Not Found"}
    return {"error": {"message": error["message"], "type": "BadRequestError", "param": None, "code": status}}


def _as_openai(status: int, error: Json) -> Json:
    return {"error": error}


@dataclass(frozen=True)
class Flavour:
    """What tells one server from another. `base`: path before `/chat/completions`; `refused`: fields that get a 400;
    `batches`: it takes files for batches of chats, and runs them."""

    base: str = "/v1"
    files: bool = False
    refused: tuple[str, ...] = ()
    developer: bool = False
    model_home: str = ""
    for_models: bool = False
    batches: bool = False
    error: Callable[[int, Json], Json] = _as_openai


FLAVOURS: Mapping[str, Flavour] = {
    "xai": Flavour(refused=("logit_bias",), developer=True, error=_as_text),
    "groq": Flavour(base="/openai/v1", refused=("logprobs", "top_logprobs", "logit_bias"), batches=True),
    "together_ai": Flavour(refused=("max_completion_tokens", "logprobs", "top_logprobs")),
    "fireworks_ai": Flavour(base="/inference/v1", model_home="accounts/fireworks/models/"),
    "hosted_vllm": Flavour(refused=("max_completion_tokens",), error=_as_vllm),
    "openai_like": Flavour(files=True, refused=("max_completion_tokens",)),
    "litellm_proxy": Flavour(base="", files=True, developer=True, for_models=True),
}


class ManagedStore(FileStore):
    """Files of another gateway: each is for the models that its upload named, and for no others."""

    def __init__(self, shelf: Shelf, max_bytes: int, purposes: tuple[str, ...]):
        super().__init__(shelf, max_bytes, purposes)
        self.models: dict[str, set[str]] = {}

    def _checked(self, form: Form, project: str) -> StoredFile:
        names = form.fields.pop("target_model_names", "")
        if not names:
            raise bad("target_model_names is required.", param="target_model_names")
        file = super()._checked(form, project)
        self.models[file.id] = {name.strip() for name in names.split(",")}
        return file


class CompatibleSandbox(OpenAISandbox):
    """One server of the flavour. It serves any model, as its operator has loaded whichever."""

    def __init__(
        self,
        flavour: str = "openai_like",
        *,
        receive_rate: float | None = None,
        port: int = 0,
        max_file_bytes: int = DEFAULT_LIMIT,
        keep_up_to: int | None = None,
    ):
        self.flavour = FLAVOURS[flavour]
        super().__init__(
            api_keys={DEFAULT_KEY: "project"},
            receive_rate=receive_rate,
            port=port,
            max_file_bytes=max_file_bytes,
            keep_up_to=keep_up_to,
            purposes=PURPOSES if self.flavour.files else ("batch",),
        )

    def new_store(self, shelf: Shelf, max_bytes: int, purposes: tuple[str, ...]) -> FileStore:
        kind = ManagedStore if self.flavour.for_models else FileStore
        return kind(shelf, max_bytes, purposes)

    def routes(self) -> list[Route]:
        base = self.flavour.base
        files = self.file_routes(base) if self.flavour.files or self.flavour.batches else []
        batches = [*self.batch_controls(), *self.batch_routes(base)] if self.flavour.batches else []
        handlers = {"chat/completions": self.chat, "embeddings": self._embeddings, "responses": self.respond}
        answers = [Route("POST", f"{base}/{path}", self.guarded(handler)) for path, handler in handlers.items()]
        return [*files, *batches, *answers]

    def check_model(self, model: str) -> None:
        """Any."""

    def batch_rules(self) -> Rules:
        return Rules({"/v1/chat/completions": self.chat}, max_bytes=100_000_000, longest_window=7 * 86_400)

    def guarded(self, handler: ProjectHandler) -> Handler:
        """The handler behind the key check, its errors in the flavour's words."""
        inner = super().guarded(handler)
        return lambda request: self._spoken(inner(request))

    def _spoken(self, reply: Reply) -> Reply:
        if not isinstance(reply.body, bytes):
            return reply
        if reply.status < 400:
            return replace(reply, body=_without_pages(reply.body)) if self.flavour.batches else reply
        said = self.flavour.error(reply.status, json.loads(reply.body)["error"])
        return replace(reply, body=json.dumps(said).encode())

    def chat(self, request: Request, project: str) -> Reply:
        body = read_chat(request)
        flavour = self.flavour
        for name in flavour.refused:
            if body.get(name) is not None:
                raise bad(f"property '{name}' is unsupported", param=name)
        for number, message in enumerate(body["messages"]):
            if message.get("role") == "developer" and not flavour.developer:
                raise bad("Unexpected message role.", param=f"messages[{number}].role")
        if not body["model"].startswith(flavour.model_home):
            raise bad(f"Model not found: {body['model']}", param="model")
        return complete(body, lambda file_id: self._usable(project, file_id, body["model"])).reply()

    def _usable(self, project: str, file_id: str, model: str) -> StoredFile | None:
        if not self.flavour.files:
            raise bad("Unknown part type: file")
        if isinstance(self.store, ManagedStore) and model not in self.store.models.get(file_id, ()):
            return None
        return self.store.get(project, file_id)

    def error(self, request: Request, status: int, message: str) -> Reply:
        return self._spoken(envelope(status, message))


def _without_pages(answer: bytes) -> bytes:
    """Groq's lists say nothing of pages."""
    return json.dumps({name: value for name, value in json.loads(answer).items() if name not in _PAGING}).encode()
