"""A stand-in for Azure OpenAI: dated and v1 paths, its auth and errors. Wire facts: Azure's API documents."""

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from managed_files.sandbox.file_rules import DEFAULT_LIMIT, PURPOSES
from managed_files.sandbox.openai import OpenAISandbox
from managed_files.sandbox.openai_batch_job import Rules
from managed_files.sandbox.openai_chat import complete, read_chat
from managed_files.sandbox.openai_embeddings import embed
from managed_files.sandbox.openai_errors import envelope
from managed_files.sandbox.routing import Route
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

DEFAULT_KEY = "azure-sandbox-0123456789"
_DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource."
)
_VERSION = re.compile(r"\d{4}-\d\d-\d\d(-preview)?")
_SAFE = {"filtered": False, "severity": "safe"}
_DIMENSIONS = 1536  # of text-embedding-3-small
_FILTERS = {name: _SAFE for name in ("hate", "self_harm", "sexual", "violence")}


class AzureSandbox(OpenAISandbox):
    """One resource with its `deployments`. All keys of the resource share its files.

    `takes_user_data` False refuses the purpose `user_data`, as older resources do.
    """

    def __init__(
        self,
        *,
        api_key: str = DEFAULT_KEY,
        deployments: Sequence[str] = ("gpt-4o-mini", "gpt-4o"),
        takes_user_data: bool = True,
        receive_rate: float | None = None,
        port: int = 0,
        max_file_bytes: int = DEFAULT_LIMIT,
        keep_up_to: int | None = None,
    ):
        self.deployments = tuple(deployments)
        super().__init__(
            api_keys={api_key: "resource"},
            receive_rate=receive_rate,
            port=port,
            max_file_bytes=max_file_bytes,
            keep_up_to=keep_up_to,
            purposes=PURPOSES if takes_user_data else tuple(name for name in PURPOSES if name != "user_data"),
        )

    def routes(self) -> list[Route]:
        dated = "/openai/deployments/{deployment}"
        return [
            *self.batch_controls(),
            *self.file_routes("/openai/v1"),
            *self.batch_routes("/openai/v1"),
            Route("POST", "/openai/v1/chat/completions", self.guarded(self.chat)),
            Route("POST", "/openai/v1/responses", self.guarded(self.respond)),
            Route("POST", "/openai/v1/embeddings", self.guarded(self._embeddings)),
            *self.file_routes("/openai"),
            *self.batch_routes("/openai"),
            Route("POST", f"{dated}/chat/completions", self.guarded(self._dated_chat)),
            Route("POST", f"{dated}/embeddings", self.guarded(self._embeddings)),
        ]

    def batch_rules(self) -> Rules:
        chats = dict.fromkeys(("/chat/completions", "/v1/chat/completions"), self.chat)
        return Rules({**chats, "/v1/responses": self.respond}, models=self.deployments)

    def _check_version(self, request: Request) -> None:
        """The dated paths need `api-version`. Raises the 404 that Azure gives instead."""
        version = request.query.get("api-version", "")
        if not request.path.startswith("/openai/v1/") and not _VERSION.fullmatch(version):
            raise Refused(_gateway_error(404, "404", "Resource not found"))

    def project_of(self, request: Request) -> str:
        """The key comes as `api-key` or as a bearer. Raises Azure's 401."""
        self._check_version(request)
        key = request.headers.get("api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")
        if key not in self.api_keys:
            raise Refused(_gateway_error(401, "401", _DENIED))
        return self.api_keys[key]

    def answer_headers(self) -> Mapping[str, str]:
        return {"apim-request-id": secrets.token_hex(16), "x-ms-region": "East US"}

    def chat(self, request: Request, project: str) -> Reply:
        return self._answer_chat(read_chat(request), project)

    def _dated_chat(self, request: Request, project: str) -> Reply:
        body = read_chat(request, model=request.args["deployment"])
        return self._answer_chat(body, project)

    def _embeddings(self, request: Request, project: str) -> Reply:
        """Any deployment does, as its name tells no model. A dated path and the body have to name the same one."""
        named = request.args.get("deployment")
        if named is not None:
            self.check_model(named)
        return embed(request, dict.fromkeys(self.deployments if named is None else (named,), _DIMENSIONS))

    def _answer_chat(self, body: dict[str, Any], project: str) -> Reply:
        self.check_model(body["model"])
        extra = {"content_filter_results": _FILTERS}
        prompt_filter = [{"prompt_index": 0, "content_filter_results": _FILTERS}]
        completion = complete(body, lambda file_id: self.store.get(project, file_id), extra)
        return completion.reply(first_chunk={"prompt_filter_results": prompt_filter})

    def check_model(self, model: str) -> None:
        if model not in self.deployments:
            message = (
                "The API deployment for this resource does not exist. If you created the deployment within the last "
                "5 minutes, please wait a moment and try again."
            )
            raise Refused(_gateway_error(404, "DeploymentNotFound", message))

    def error(self, request: Request, status: int, message: str) -> Reply:
        if status == 404:
            return _gateway_error(404, "404", "Resource not found")
        return envelope(status, message, code=str(status))


def _gateway_error(status: int, code: str, message: str) -> Reply:
    """Azure's own gateway says less than OpenAI's envelope."""
    return json_reply({"error": {"code": code, "message": message}}, status)
