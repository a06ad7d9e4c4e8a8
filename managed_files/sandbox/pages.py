"""One page of a list of files, whatever a provider calls its cursor. Knows no provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar


class Listed(Protocol):
    """What a list can hold."""

    @property
    def id(self) -> str: ...


F = TypeVar("F", bound=Listed)


class UnknownCursor(Exception):
    """The page should begin behind a file that is not in the list."""


@dataclass(frozen=True)
class Page(Generic[F]):
    """`more`: whether the list goes on behind it."""

    items: Sequence[F]
    more: bool

    @property
    def last_id(self) -> str | None:
        return self.items[-1].id if self.items else None

    def ends(self) -> dict[str, Any]:
        """How lists by `after` or `after_id` tell of their ends."""
        first = self.items[0].id if self.items else None
        return {"first_id": first, "last_id": self.last_id, "has_more": self.more}


def page_of(files: Sequence[F], limit: int, after: str | None = None) -> Page[F]:
    """At most `limit` of them, from the beginning or behind the file with the id `after`. Raises UnknownCursor."""
    ids = [file.id for file in files] if after else []
    if after and after not in ids:
        raise UnknownCursor(after)
    rest = files[ids.index(after) + 1 :] if after else files
    return Page(rest[:limit], len(rest) > limit)
