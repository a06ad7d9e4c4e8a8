"""One chat call to one deployment: rewrite, translate, send, read the first bytes. Knows the contract, no provider."""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote

from requests import Response

from managed_files.batch_lines import asks_for_functions
from managed_files.batch_records import EMBEDDINGS
from managed_files.dialects import embeddings
from managed_files.dialects.base import Dialect, Exchange
from managed_files.dialects.embeddings import Native
from managed_files.dialects.registry import DIALECTS
from managed_files.errors import Inexpressible, InvalidRequest
from managed_files.providers.base import Provider
from managed_files.providers.wire import Wire, timeout_in
from managed_files.records import Copy, Deployment
from managed_files.services.references import Path, Reference, rewritten
from managed_files.services.relay import Done, Relay, error_in, refusal
from managed_files.services.routing import NO_COPY, usable
from managed_files.upstream import Upstream, pieces

_LOOKED_AT = 256  # bytes


@dataclass(slots=True)
class ChatAnswer:
    """What goes back: JSON, or server-sent events as they come. `close` of `pieces` closes the provider's side.

    `headers`: what else the client is told; who hands the answer on may add to it.
    """

    pieces: Iterable[bytes]
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose caller may do it: the body, where it names files, and those files' copies."""

    body: dict[str, Any]
    references: Sequence[Reference]
    files: Mapping[str, Sequence[Copy]]


class Calls:
    """Sends chats to deployments. `drop_params`: leave out what a dialect cannot express, instead of refusing."""

    def __init__(self, providers: Mapping[str, Provider], upstream: Upstream, drop_params: bool = False):
        self._providers = providers
        self._upstream = upstream
        self._drop_params = drop_params

    def send(self, deployment: Deployment, chat: Asked, done: Done) -> ChatAnswer:
        """The answer, once its first bytes are here: until then another deployment may still give it.

        `done` is called when the last byte is out or nobody wants it any more, unless this raises: ProviderFailed, or
        Inexpressible before anything was sent.
        """
        provider = self._providers[deployment.account.name]
        dialect = DIALECTS[provider.dialect]
        body = chat.body
        translated, dropped = self.translated(deployment, chat)
        stream = bool(body.get("stream"))
        payload = json.dumps(translated).encode()
        endpoint = provider.signed(provider.chat(deployment, stream=stream), payload)
        wire = Wire(provider.name, self._upstream, timeout_of(deployment, stream))
        answer = wire.send("POST", endpoint.url, headers=endpoint.headers, body=payload, stream=stream)
        headers = {"x-managed-files-dropped-params": ", ".join(map(quote, dropped))} if dropped else {}
        if dialect.passthrough and not stream:
            if not answer.content[:_LOOKED_AT].lstrip().startswith(b"{"):  # the rest of it goes on unread
                raise wire.nonsense("something that is not a JSON object")
            if told := error_in(answer.content):
                raise refusal(wire, told, endpoint.headers)
            done(None)
            return ChatAnswer([bytes(answer.content)], "application/json", headers)
        exchange = _exchange(body, deployment)
        if stream:
            relay = Relay(pieces(answer), dialect.stream(exchange), wire, done, endpoint.headers)
            return ChatAnswer(relay, "text/event-stream; charset=utf-8", headers)
        whole = _whole(answer, dialect, exchange, wire)
        done(None)
        return ChatAnswer([whole], "application/json", headers)

    def pass_on(self, deployment: Deployment, endpoint: str, asked: Asked) -> dict[str, Any]:
        """The answer of one of the provider's `relays`, in OpenAI's words. Raises ProviderFailed, InvalidRequest."""
        provider = self._providers[deployment.account.name]
        target = provider.elsewhere(deployment, endpoint)
        wire = Wire(provider.name, self._upstream, timeout_of(deployment, stream=False))

        def ask(content: dict[str, Any]) -> Native:
            payload = json.dumps(content).encode()
            signed = provider.signed(target, payload)
            answer = wire.send("POST", signed.url, headers=signed.headers, body=payload)
            return Native(wire.object_in(answer), answer.headers)

        body = self.relayed(deployment, asked)
        other = provider.embeddings(deployment) if endpoint == EMBEDDINGS else None
        if other is None:
            return ask(body).content
        answers = [ask(content) for content in embeddings.requests(body, other)]
        try:
            return embeddings.response(body, answers, other)
        except ValueError as error:
            raise wire.nonsense("something that is no embeddings") from error

    def relayed(self, deployment: Deployment, asked: Asked) -> dict[str, Any]:
        """OpenAI's own body with the provider's model and ids, for what is no chat. No I/O. Raises InvalidRequest."""
        changes = _changes(asked, deployment.account.name, _named)
        return {**rewritten(asked.body, changes), "model": deployment.model}

    def translated(self, deployment: Deployment, chat: Asked) -> tuple[dict[str, Any], list[str]]:
        """The provider's body with its own ids, and the names of the fields that were left out for it. No I/O.

        Raises InvalidRequest.
        """
        provider = self._providers[deployment.account.name]
        changes = _changes(chat, deployment.account.name, partial(_resolved, provider))
        dialect, body = DIALECTS[provider.dialect], rewritten(chat.body, changes)
        drop, dropped = deployment.params.get("drop_params"), list[str]()
        while True:
            try:
                return dialect.request(body, deployment.model), dropped
            except Inexpressible as error:
                name = _top_level(error.param or "", body)
                allowed = self._drop_params if drop is None else drop
                if not allowed or name not in body or name == "messages":
                    raise
                body = {key: value for key, value in body.items() if key != name}
                dropped.append(name)


Change = tuple[Path, Callable[[Any], Any]]


def _changes(asked: Asked, account: str, change: Callable[[Reference, Copy], Change]) -> Iterator[Change]:
    """What has to be done for each file that the request names, as the account has it."""
    now = time.time()
    for item in asked.references:
        copy = usable(asked.files.get(item.file_id, ()), account, now)
        if copy is not None:
            yield change(item, copy)
        elif item.managed:  # it was there when the deployment was chosen; else a provider's own id for an admin's use
            raise InvalidRequest(f"The file {item.file_id} has just expired.", param=item.param, code=NO_COPY)


def _resolved(provider: Provider, item: Reference, copy: Copy) -> Change:
    """A chat's part is the provider's to write."""
    return item.part, partial(provider.resolve, copy)


def _named(item: Reference, copy: Copy) -> Change:
    """Elsewhere an id stands for an id."""
    return item.path, lambda _: copy.stored_id


def _exchange(body: Mapping[str, Any], deployment: Deployment) -> Exchange:
    options = body.get("stream_options") or {}
    return Exchange(
        id=f"chatcmpl-{secrets.token_hex(12)}",
        created=int(time.time()),
        model=deployment.model,
        include_usage=bool(isinstance(options, dict) and options.get("include_usage")),
        functions=asks_for_functions(body),
    )


def _top_level(param: str, body: Mapping[str, Any]) -> str:
    """The field of the request that holds what `param` names: `tools` for `tools[0].function.strict`."""
    return param if param in body else param.partition(".")[0].partition("[")[0]


def timeout_of(deployment: Deployment, stream: bool) -> float:
    """Seconds without a byte after which a chat is given up: the entry's `timeout`, or `stream_timeout`."""
    params = deployment.params
    return float((stream and params.get("stream_timeout")) or timeout_in(params))


def _whole(answer: Response, dialect: Dialect, exchange: Exchange, wire: Wire) -> bytes:
    try:
        return json.dumps(dialect.response(answer.json(), exchange)).encode()
    except (ValueError, RecursionError) as error:
        raise wire.nonsense("something that is not JSON") from error
