"""The statements of sql/*.sql by name. Knows files, not databases."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

SQL_FOLDER = Path(__file__).resolve().parent.parent / "sql"
_PARAMETER = re.compile(r"%\((\w+)\)s")
_HEAD = re.compile(r"^-- name: (\w+)\n-- (.+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    """One named statement; parameters stand in it as `%(name)s`."""

    name: str
    description: str
    text: str


def numbered(query: Query) -> tuple[str, tuple[str, ...]]:
    """The text as PostgreSQL itself reads it, `$1` for the first parameter, and the parameters' names in that order."""
    names = tuple(dict.fromkeys(_PARAMETER.findall(query.text)))
    return _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", query.text), names


def load(folder: Path = SQL_FOLDER) -> Mapping[str, Query]:
    """Every statement below `folder`. Raises ValueError if a name is used twice or a file begins without one."""
    queries: dict[str, Query] = {}
    for path in sorted(folder.glob("*.sql")):
        for query in _parse(path):
            if query.name in queries:
                raise ValueError(f"{path.name}: the name {query.name} is used twice")
            queries[query.name] = query
    return MappingProxyType(queries)


def _parse(path: Path) -> list[Query]:
    before, *pieces = _HEAD.split(path.read_text(encoding="utf-8"))
    if before.strip() or not pieces:
        raise ValueError(f"{path.name}: begin each statement with `-- name:` and a line that describes it")
    return [
        Query(name, description, text.strip().rstrip(";"))
        for name, description, text in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True)
    ]
