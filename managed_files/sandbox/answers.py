"""What a stand-in's model says: made from the real input, so that an answer proves what arrived. Pure functions."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

_HEAD_SHOWN = 48


@dataclass(frozen=True)
class Attachment:
    """A file as the model sees it. `head`: its first bytes."""

    name: str
    mime_type: str
    size: int
    sha256: str
    head: bytes

    @classmethod
    def of(cls, name: str, mime_type: str, data: bytes) -> "Attachment":
        return cls(name, mime_type, len(data), hashlib.sha256(data).hexdigest(), data[:1024])

    def __str__(self) -> str:
        begins = self.head[:_HEAD_SHOWN].decode("ascii", "replace").replace("\ufffd", "?")
        shown = "".join(letter if letter.isprintable() else " " for letter in begins)
        return f"{self.name}: {self.mime_type}, {self.size} bytes, sha256 {self.sha256}; it begins: {shown}"


@dataclass(frozen=True)
class Prompt:
    """What one chat request asks. `seen`: attachments and links in order; `results`: what tools answered last."""

    text: str
    seen: Sequence[Attachment | str] = ()
    results: Sequence[str] = ()


@dataclass(frozen=True)
class Tool:
    """A function that the model may call; `schema` is the JSON schema of its arguments."""

    name: str
    schema: Json


def say(prompt: Prompt) -> str:
    """One line a file, then what tools said, then the user's own words."""
    lines = [str(item) for item in prompt.seen]
    lines += [f"The tool answered: {result}" for result in prompt.results]
    return "\n".join([*lines, f"You said: {prompt.text}"])


def tokens(text: str) -> list[str]:
    """Words with the space before them: the stand-in's tokens. Joined they are the text."""
    return re.findall(r"\s*\S+|\s+$", text)


@dataclass(frozen=True)
class Said:
    """A finished text. `cut` tells why it ended: "stop", or "length" when the token limit was reached."""

    tokens: list[str]
    cut: str

    @property
    def text(self) -> str:
        return "".join(self.tokens)


def limited(text: str, stop: Sequence[str], limit: int | None) -> Said:
    """The text up to the first stop sequence and at most `limit` tokens."""
    ends = [text.find(word) for word in stop if word and word in text]
    words = tokens(text[: min(ends)] if ends else text)
    if limit is not None and len(words) > limit:
        return Said(words[:limit], "length")
    return Said(words, "stop")


def wanted_tool(mode: str, allowed: Sequence[Tool], prompt: Prompt) -> list[Tool]:
    """The tools to call: with "any" those the text names or else the first, with "auto" those it names.

    After a tool's answer "auto" talks instead of calling again.
    """
    named = [tool for tool in allowed if tool.name in prompt.text]
    if mode == "any":
        return named or list(allowed[:1])
    return named if mode == "auto" and not prompt.results else []
