"""What an answer of any dialect may add to OpenAI's message, and clients send back with it. Pure.

A conversation may go on with another provider's model, to which the additions of the first one say nothing.
"""

from typing import Any

ECHOES = frozenset(
    {"annotations", "citations", "extra_content", "images", "parsed", "reasoning_content", "thinking_blocks"}
)


def drop_echoes(message: dict[str, Any], *, but: tuple[str, ...] = ()) -> None:
    """Takes them out of an assistant's message, except those that the dialect itself reads."""
    for name in ECHOES.difference(but):
        message.pop(name, None)
