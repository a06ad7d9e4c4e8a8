"""Which handler answers which path of a stand-in."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote

from managed_files.sandbox.wire import Reply, Request

Handler = Callable[[Request], Reply]


@dataclass(frozen=True)
class Route:
    """`pattern` has `{name}` for one path segment, which arrives decoded in the arguments."""

    method: str
    pattern: str
    handler: Handler

    def match(self, path: str) -> dict[str, str] | None:
        """The decoded arguments, or None when the path is another's."""
        found = self._regex.fullmatch(path)
        return None if found is None else {name: unquote(value) for name, value in found.groupdict().items()}

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.pattern)))
