"""What every dialect offers: a pure translation between OpenAI's chat format and a provider's. No I/O, no clock."""

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Exchange:
    """Facts of one chat call that the translation of its answer needs. `created` in Unix seconds.

    `functions`: the request used the deprecated `functions`, so the answer says `function_call`, not `tool_calls`.
    """

    id: str
    created: int
    model: str
    include_usage: bool = False
    functions: bool = False

    def chunk(self, choices: list[Any], usage: Any = None, *, model: str | None = None) -> dict[str, Any]:
        """OpenAI's `chat.completion.chunk`. Clients that ask for usage find it in every chunk: null but in the last."""
        kind = "chat.completion.chunk"
        head = {"id": self.id, "object": kind, "created": self.created, "model": model or self.model}
        return {**head, "choices": choices, **({"usage": usage} if self.include_usage else {})}


# What reading something ends in that is no answer: an object that is none, a count of 1e999, lists nested for ever.
NO_ANSWER = (ValueError, AttributeError, KeyError, TypeError, OverflowError, RecursionError)

PARTS = ("text", "image_url", "input_audio", "file")  # OpenAI's types of content parts


class ChatStream(Protocol):
    """Translates one provider's stream. Any split of the same bytes gives the same chunks."""

    def feed(self, data: bytes) -> bytes:
        """Provider's bytes in, complete OpenAI SSE events out (b"" when none is complete yet)."""

    def finish(self, broken: str | None = None) -> bytes:
        """Call once at the end of the provider's stream: the last events; an error event if the answer is incomplete.

        `broken`: why the stream ended before its time, in words for the client (no secrets); None for a clean end.
        """


class Dialect(Protocol):
    """A provider's chat format. `passthrough` dialects are OpenAI's own: answers are relayed without parsing."""

    @property
    def name(self) -> str: ...

    @property
    def passthrough(self) -> bool: ...

    @property
    def parts(self) -> tuple[str, ...]:
        """The types of content parts that can be said in this format; a model may still refuse one."""

    def request(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        """OpenAI's body, its parts already resolved, to the provider's. Raises InvalidRequest naming the field."""

    def response(self, answer: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
        """The provider's whole answer to a `chat.completion`. Raises ProviderFailed if it is none."""

    def stream(self, exchange: Exchange) -> ChatStream:
        """A new translator for one streamed answer."""
