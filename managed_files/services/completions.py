"""Chat completions: find the caller and the files, route, rewrite, call the provider once, relay. Knows no Flask."""

import json
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from requests import Response

from managed_files.dialects.base import ChatStream, Dialect, Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.errors import NotFound, ProviderFailed, Unauthorized, UpstreamError
from managed_files.keys import Credentials
from managed_files.providers.base import Provider
from managed_files.providers.wire import Wire
from managed_files.records import Caller, Copy, Deployment
from managed_files.repository import FileRepository
from managed_files.services import routing
from managed_files.services.references import Reference, references
from managed_files.upstream import Upstream, pieces

_TIMEOUT = 600.0  # seconds without a byte from the provider


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What goes back: JSON, or server-sent events as they come. Abandoning the iterator closes the provider's side."""

    pieces: Iterable[bytes]
    content_type: str


class Completions:
    """The use case of POST /chat/completions."""

    def __init__(
        self,
        repository: FileRepository,
        providers: Mapping[str, Provider],
        deployments: Sequence[Deployment],
        upstream: Upstream,
        allow_provider_file_ids: bool = False,
    ):
        self._repository = repository
        self._providers = providers
        self._deployments = deployments
        self._upstream = upstream
        self._allow_provider_file_ids = allow_provider_file_ids

    def create(self, credentials: Credentials, body: dict[str, Any]) -> ChatAnswer:
        """Answers a request whose model, messages and stream have been checked for their types."""
        found = references(body)
        ids = list(dict.fromkeys(item.file_id for item in found if item.managed))
        caller, files = self._repository.caller_and_files(credentials.digest, credentials.master_user, ids)
        if caller is None:
            raise Unauthorized("Incorrect API key provided, or it has expired or been revoked.")
        self._check(found, files, caller)
        deployment = routing.choose(body["model"], self._deployments, caller, files)
        provider = self._providers[deployment.account.name]
        resolved = _resolved(body, found, files, deployment.account.name, provider)
        return self._call(deployment, provider, resolved)

    def _check(self, found: Sequence[Reference], files: Mapping[str, Sequence[Copy]], caller: Caller) -> None:
        for item in found:
            foreign_allowed = not item.managed and self._allow_provider_file_ids and caller.admin
            if item.file_id not in files and not foreign_allowed:
                raise NotFound(f"No such File object: {item.file_id[:200]}", param=item.param)

    def _call(self, deployment: Deployment, provider: Provider, body: dict[str, Any]) -> ChatAnswer:
        dialect = DIALECTS[provider.dialect]
        stream = bool(body.get("stream"))
        payload = json.dumps(dialect.request(body, deployment.model)).encode()
        endpoint = provider.chat(deployment, stream=stream)
        wire = Wire(provider.name, self._upstream, _timeout(deployment, stream))
        try:
            answer = wire.send("POST", endpoint.url, headers=endpoint.headers, body=payload, stream=stream)
        except ProviderFailed as failure:
            failure.message = f"The model {deployment.model_group} failed: {failure.message}"
            raise
        if dialect.passthrough and not stream:
            return ChatAnswer([bytes(answer.content)], "application/json")
        exchange = _exchange(body, deployment)
        if stream:
            return ChatAnswer(_relay(answer, dialect.stream(exchange)), "text/event-stream; charset=utf-8")
        return ChatAnswer([_whole(answer, dialect, exchange, wire)], "application/json")


def _resolved(
    body: dict[str, Any],
    found: Sequence[Reference],
    files: Mapping[str, Sequence[Copy]],
    account: str,
    provider: Provider,
) -> dict[str, Any]:
    """The body with this provider's ids. What is not rewritten is shared with the original, which stays as it is."""
    messages = list(body["messages"])
    for item in found:
        copy = routing.usable(files.get(item.file_id, ()), account)
        if copy is None:
            continue  # a provider's own id that this admin may use
        message = messages[item.message]
        content = list(message["content"])
        content[item.part] = provider.resolve(copy, content[item.part])
        messages[item.message] = {**message, "content": content}
    return {**body, "messages": messages}


def _exchange(body: Mapping[str, Any], deployment: Deployment) -> Exchange:
    options = body.get("stream_options") or {}
    return Exchange(
        id=f"chatcmpl-{secrets.token_hex(12)}",
        created=int(time.time()),
        model=deployment.model,
        include_usage=bool(isinstance(options, dict) and options.get("include_usage")),
        functions=bool(body.get("functions")) and not body.get("tools"),
    )


def _timeout(deployment: Deployment, stream: bool) -> float:
    params = deployment.params
    return float((stream and params.get("stream_timeout")) or params.get("timeout") or _TIMEOUT)


def _whole(answer: Response, dialect: Dialect, exchange: Exchange, wire: Wire) -> bytes:
    try:
        return json.dumps(dialect.response(answer.json(), exchange)).encode()
    except ValueError as error:
        raise wire.nonsense("something that is not JSON") from error


def _relay(answer: Response, translator: ChatStream) -> Iterator[bytes]:
    """Events as they arrive. A stream that breaks ends with an error event: its head is long gone."""
    broken = None
    try:
        for piece in pieces(answer):
            if out := translator.feed(piece):
                yield out
    except UpstreamError:
        broken = "The provider's answer was cut off. Send the request again."
    if out := translator.finish(broken):
        yield out
