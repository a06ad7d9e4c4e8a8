"""One chat call to one deployment: rewrite, translate, send, read the first bytes. Knows the contract, no provider."""

import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from requests import Response

from managed_files.dialects.base import ChatStream, Dialect, Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.errors import Inexpressible, UpstreamError
from managed_files.providers.base import Provider
from managed_files.providers.wire import Wire
from managed_files.records import Copy, Deployment
from managed_files.services import routing
from managed_files.services.references import Reference
from managed_files.upstream import Pieces, Upstream, pieces

_TIMEOUT = 600.0  # seconds without a byte from the provider


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What goes back: JSON, or server-sent events as they come. `close` of `pieces` closes the provider's side."""

    pieces: Iterable[bytes]
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chat:
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

    def send(self, deployment: Deployment, chat: Chat, done: Callable[[], None]) -> ChatAnswer:
        """The answer, once its first bytes are here: until then another deployment may still give it.

        `done` is called when the last byte is out or nobody wants it any more. Raises ProviderFailed.
        """
        provider = self._providers[deployment.account.name]
        dialect = DIALECTS[provider.dialect]
        body = _resolved(chat, deployment.account.name, provider)
        translated, dropped = self._translated(dialect, body, deployment)
        stream = bool(body.get("stream"))
        payload = json.dumps(translated).encode()
        endpoint = provider.signed(provider.chat(deployment, stream=stream), payload)
        wire = Wire(provider.name, self._upstream, _timeout(deployment, stream))
        answer = wire.send("POST", endpoint.url, headers=endpoint.headers, body=payload, stream=stream)
        headers = {"x-managed-files-dropped-params": ", ".join(dropped)} if dropped else {}
        exchange = _exchange(body, deployment)
        if stream:
            relay = Relay(pieces(answer), dialect.stream(exchange), wire, done)
            return ChatAnswer(relay, "text/event-stream; charset=utf-8", headers)
        whole = _whole(answer, dialect, exchange, wire)
        done()
        return ChatAnswer([whole], "application/json", headers)

    def _translated(
        self, dialect: Dialect, body: dict[str, Any], deployment: Deployment
    ) -> tuple[dict[str, Any], list[str]]:
        """The provider's body, and the names of the fields that were left out for it."""
        drop, dropped = deployment.params.get("drop_params"), list[str]()
        while True:
            try:
                return dialect.request(body, deployment.model), dropped
            except Inexpressible as error:
                name = (error.param or "").partition(".")[0].partition("[")[0]
                allowed = self._drop_params if drop is None else drop
                if not allowed or name not in body or name == "messages":
                    raise
                body = {key: value for key, value in body.items() if key != name}
                dropped.append(name)


class Relay(Iterator[bytes]):
    """Events as they arrive. A stream that breaks ends with an error event: its head is long gone.

    An object and not a generator, for `close` must work before the first event is asked for.
    """

    def __init__(self, source: Pieces, translator: ChatStream, wire: Wire, done: Callable[[], None]):
        """Waits for the first event. Raises ProviderFailed if the answer breaks before it."""
        self._source = source
        self._translator = translator
        self._done: Callable[[], None] | None = done
        self._ended = False
        try:
            self._first: bytes | None = next(filter(None, map(translator.feed, source)), None)
        except UpstreamError as error:
            raise wire.silence(error) from error

    def __next__(self) -> bytes:
        first, self._first = self._first, None
        if first:
            return first
        if self._ended:
            raise StopIteration
        return self._next()

    def close(self) -> None:
        self._ended = True
        self._source.close()
        done, self._done = self._done, None
        if done is not None:
            done()

    def _next(self) -> bytes:
        broken = None
        try:
            for piece in self._source:
                if out := self._translator.feed(piece):
                    return out
        except UpstreamError:
            broken = "The provider's answer was cut off. Send the request again."
        self.close()
        out = self._translator.finish(broken)
        if not out:
            raise StopIteration
        return out


def _resolved(chat: Chat, account: str, provider: Provider) -> dict[str, Any]:
    """The body with this provider's ids. What is not rewritten is shared with the original, which stays as it is."""
    messages = list(chat.body["messages"])
    for item in chat.references:
        copy = routing.usable(chat.files.get(item.file_id, ()), account)
        if copy is None:
            continue  # a provider's own id that this admin may use
        message = messages[item.message]
        content = list(message["content"])
        content[item.part] = provider.resolve(copy, content[item.part])
        messages[item.message] = {**message, "content": content}
    return {**chat.body, "messages": messages}


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
    if dialect.passthrough:
        return bytes(answer.content)
    try:
        return json.dumps(dialect.response(answer.json(), exchange)).encode()
    except ValueError as error:
        raise wire.nonsense("something that is not JSON") from error
