"""OpenAI's own dialect: requests and answers pass as they are. Knows where an SSE event ends, and the last of them."""

import re
from typing import Any

from managed_files.dialects.base import PARTS, Exchange
from managed_files.dialects.echoes import ECHOES
from managed_files.dialects.sse import error_event

_EXTRA = "extra_content"
_FOREIGN = ECHOES - {"annotations", "parsed"}  # these two are OpenAI's own

_BORDER = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n")
_DONE = re.compile(rb"(?:\A|[\r\n])data: ?\[DONE\]\s")
# What the last events of an answer have, one or the other. Within a text their quotes would have backslashes. Two
# patterns, for one with a beginning of its own is found six times as fast.
_ENDS = (re.compile(rb'"finish_reason"\s*:\s*"'), re.compile(rb'"error"\s*:\s*[{"]'))
_LONGEST_BORDER = 4
_HELD_LIMIT = 1024 * 1024


class OpenAIDialect:
    """For OpenAI, Azure and every OpenAI-compatible server."""

    name = "openai"
    passthrough = True
    parts = PARTS

    def request(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        """The same body for the provider's model. Unknown fields pass."""
        return {**body, "model": model}

    def response(self, answer: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        return answer

    def stream(self, exchange: Exchange) -> "OpenAIRelay":
        return OpenAIRelay()


class OpenAIItself(OpenAIDialect):
    """As OpenAI and Azure take it, which refuse an unknown key of a message: without what other answers left there.

    Other servers may have meant it: Google's own OpenAI-compatible one signs its thoughts in `extra_content`, and many
    want `reasoning_content` back.
    """

    name = "openai_itself"

    def request(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        return {**body, "messages": [_without_echoes(message) for message in body["messages"]], "model": model}


def _without_echoes(message: Any) -> Any:
    """The message itself, if there are none: most have none, and the path of a chat is short."""
    if not isinstance(message, dict):
        return message
    calls = message.get("tool_calls") or ()
    signed = isinstance(calls, list) and any(map(_is_signed, calls))
    if not signed and _FOREIGN.isdisjoint(message):
        return message
    plain = {key: value for key, value in message.items() if key not in _FOREIGN}
    return {**plain, "tool_calls": list(map(_unsigned, calls))} if signed else plain


def _is_signed(call: Any) -> bool:
    return isinstance(call, dict) and _EXTRA in call


def _unsigned(call: Any) -> Any:
    return {key: value for key, value in call.items() if key != _EXTRA} if _is_signed(call) else call


class OpenAIRelay:
    """Forwards bytes unchanged, up to the last complete event, so that an error event never lands inside another one.

    At most 1 MiB of an incomplete event is held back; a longer one is passed on as it comes.
    """

    def __init__(self) -> None:
        self._held = b""
        self._inside = False  # the last byte sent on was in the middle of an event
        self._done = False
        self._ended = False  # it was said that the answer ends, well or not

    def feed(self, data: bytes) -> bytes:
        """The bytes up to the end of the last event that is complete."""
        searched = max(len(self._held) - _LONGEST_BORDER + 1, 0)
        pending = self._held + data
        end = _last_border(pending, searched)
        if end == 0 and len(pending) > _HELD_LIMIT:
            end, self._inside = len(pending) - _LONGEST_BORDER, True
        elif end:
            self._inside = False
        complete, self._held = pending[:end], pending[end:]
        self._done = self._done or (b"[DONE]" in complete and _DONE.search(complete) is not None)
        self._ended = self._ended or any(end.search(complete) for end in _ENDS)
        return complete

    def finish(self, broken: str | None = None) -> bytes:
        """Nothing new after `[DONE]`, or at a clean end of an answer that had one; else an error event for the rest.

        Some servers send no `[DONE]`, and to SDKs every end without an error is a good one.
        """
        if self._done:
            return b""
        if broken is None and _DONE.search(self._held + b"\n"):  # some servers leave the last blank line out
            return self._held + b"\n\n"
        whole = not self._inside and not self._held.strip()
        if broken is None and whole and self._ended:
            return self._held
        where = "before the answer was complete" if whole else "in the middle of an event"
        error = error_event(broken or f"The provider's stream ended {where}.")
        return b"\n\n" + error if self._inside else error


def _last_border(data: bytes, start: int) -> int:
    """Where the last complete event ends, 0 if none does from `start` on."""
    if data.endswith((b"\n\n", b"\r\n\r\n")):
        return len(data)
    ends = [match.end() for match in _BORDER.finditer(data, start)]
    return ends[-1] if ends else 0
