"""A streamed answer on its way to the client. Knows events and how a stream can break, no provider."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from managed_files.dialects.base import ChatStream
from managed_files.dialects.sse import SseDecoder
from managed_files.errors import ProviderFailed, UpstreamError
from managed_files.presence import ClientLeft
from managed_files.providers.wire import Wire
from managed_files.upstream import Pieces

Done = Callable[[BaseException | None], None]

_CUT = "The provider's answer was cut off. Send the request again."
_GIVEN_UP = "The answer was given up, for the client has shut down its side of the connection. Keep it open."
_ERROR = b'"error"'
# Codes and types by which OpenAI, Anthropic, Google and Bedrock say that the request is at fault.
_OF_THE_REQUEST = frozenset(
    {"invalid_request_error", "context_length_exceeded", "INVALID_ARGUMENT", "validationException"}
)
_LOOKED_AT = 256  # bytes of the first event: an error's name is among them, and most streams are not parsed for it


class Relay(Iterator[bytes]):
    """Events as they arrive. A stream that breaks ends with an error event: its head is long gone.

    An object and not a generator, for `close` must work before the first event is asked for. `done` is called once,
    with what the stream broke with, if it did.
    """

    def __init__(self, source: Pieces, translator: ChatStream, wire: Wire, done: Done, sent: Mapping[str, str]):
        """Waits for the first event. Raises ProviderFailed if the answer breaks before it, has none, or is an error.

        `sent`: the request's headers, of whose credentials an error may tell nothing.
        """
        self._source = source
        self._translator = translator
        self._wire = wire
        self._done: Done | None = done
        self._sent = sent
        self._ended = False
        try:
            self._first = self._begun()
        except BaseException:
            source.close()
            raise

    def __next__(self) -> bytes:
        first, self._first = self._first, b""
        if first:
            return first
        if self._ended:
            raise StopIteration
        return self._next()

    def close(self) -> None:
        self._end(None)

    def _begun(self) -> bytes:
        try:
            first = next(filter(None, map(self._translator.feed, self._source)), b"")
        except UpstreamError as error:
            raise self._wire.silence(error) from error
        if not first:
            self._ended, first = True, self._translator.finish()
        if not first:
            raise self._wire.nonsense("an empty stream", retryable=True)
        if told := _error_event(first):
            raise refusal(self._wire, told, self._sent)
        return first

    def _next(self) -> bytes:
        failure: ProviderFailed | None = None
        broken: str | None = None
        try:
            for piece in self._source:
                if out := self._translator.feed(piece):
                    return out
        except UpstreamError as error:
            failure, broken = self._wire.silence(error), _CUT
        except ClientLeft:  # it may have shut down its sending alone, and still read
            broken = _GIVEN_UP
        out = self._translator.finish(broken)
        if broken is None and (told := _error_event(out)):  # an end like any other, but in the middle of the answer
            failure = refusal(self._wire, told, self._sent)
        self._end(failure if out else None)  # what is cut off after its last event lacks nothing
        if not out:
            raise StopIteration
        return out

    def _end(self, failure: ProviderFailed | None) -> None:
        self._ended = True
        self._source.close()
        done, self._done = self._done, None
        if done is not None:
            done(failure)


def refusal(wire: Wire, error: Mapping[str, Any], sent: Mapping[str, str]) -> ProviderFailed:
    """Providers that are overloaded may say so after a 200; nobody has seen that yet, so it counts as a 5xx."""
    ours = not _OF_THE_REQUEST.isdisjoint(map(str, (error.get("code"), error.get("type"))))
    failure = wire.nonsense(f"an error: {str(error.get('message')).rstrip('.')}", retryable=not ours, sent=sent)
    failure.upstream_status = 400 if ours else None
    failure.code = str(error["code"]) if error.get("code") else None
    return failure


def error_in(text: bytes) -> dict[str, Any] | None:
    """The error, if this JSON object is one. Most answers have no such name at their beginning, and are not parsed."""
    if _ERROR not in text[:_LOOKED_AT]:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    error = value.get("error") if isinstance(value, dict) else None
    return error if isinstance(error, dict) else None


def _error_event(events: bytes) -> dict[str, Any] | None:
    """The error, if the first of these events is one. Comments may stand before it, and many servers write CRLF."""
    if _ERROR not in events[:_LOOKED_AT]:
        return None
    return next(map(error_in, SseDecoder().feed(events)), None)
