"""Where a request may name files, which it names, and the same with others. Pure functions of the request's values."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from managed_files.batch_records import CHAT, EMBEDDINGS, RESPONSES
from managed_files.errors import InvalidRequest
from managed_files.ids import FILE_ID_PREFIX, file_ids_in, is_file_id

Path = tuple[str | int, ...]
# The way to a value, as pairs of where it stands and its key there. A value adds one pair, however deep it is: with a
# path for each a request of 1 MiB could take gigabytes.
Trail = tuple[Any, ...]

_CARRIERS: dict[str, tuple[Path, ...]] = {  # by type of a chat's part: where its id stands
    "file": (("file", "file_id"),),
    "image_url": (("image_url", "url"), ("image_url",)),
    "input_audio": (("input_audio", "data"),),
}
_IDS = ("file_id", "file_data")
_IN_RESPONSES = frozenset({"input_file", "input_image", "computer_screenshot"})  # the objects with a `file_id`
_REMEDIES = {  # by endpoint
    CHAT: 'a file can only be named by a content part: {"type": "file", "file": {"file_id": …}}. Move it there',
    RESPONSES: 'a file can only be named by a part of the input: {"type": "input_file", "file_id": …}. Move it there',
    EMBEDDINGS: "embeddings are of texts. Leave it out",
}
# How providers' own ids and addresses begin. The last: by it Gemini reads whatever lies at the account of the call.
_OF_PROVIDERS = re.compile(
    r"file[-_]|files/|gs://|s3://|https?://([^/?#]*@)?generativelanguage\.googleapis\.com[.:/]", re.IGNORECASE
)


class Reference(NamedTuple):
    """The object at `part` has `file_id` at `carrier`; `managed` if that has the shape of ours, else a provider's."""

    part: Path
    carrier: Path
    file_id: str
    managed: bool

    @property
    def path(self) -> Path:
        return (*self.part, *self.carrier)

    @property
    def param(self) -> str:
        return _dotted(self.path)


def references(body: Mapping[str, Any], endpoint: str = CHAT) -> list[Reference]:
    """Every part that carries a file id, in order. Raises InvalidRequest for one of our ids anywhere else."""
    found = list(_FINDERS[endpoint](body))
    if _count_ids(body) > sum(item.managed for item in found):
        _refuse_elsewhere(body, {item.path for item in found}, _REMEDIES[endpoint])
    return found


def rewritten(body: dict[str, Any], changes: Iterable[tuple[Path, Callable[[Any], Any]]]) -> dict[str, Any]:
    """The body with what stands at each path replaced by what is made of it. What stays is shared with the original."""
    new, copies = {**body}, dict[Path, Any]()
    for path, made_of in changes:
        inner: Any = new
        for depth in range(1, len(path)):
            place, key = path[:depth], path[depth - 1]
            if place not in copies:  # each is copied once, however much changes in it
                copies[place] = inner[key] = inner[key].copy()
            inner = copies[place]
        inner[path[-1]] = made_of(inner[path[-1]])
    return new


def _count_ids(body: Any) -> int:
    """Our ids in the whole request, keys included. Without paths: most requests have every id in its place."""
    count, values = 0, [body]
    for value in values:  # which grow on the way
        kind = type(value)  # JSON makes no subclasses, and isinstance costs twice as much
        if kind is str:
            if FILE_ID_PREFIX in value:  # asked here too, for a call per string would cost more than all the rest
                count += len(file_ids_in(value))
        elif kind is dict:
            count += len(file_ids_in("\n".join(value)))  # its keys, all at once
            values += value.values()
        elif kind is list:
            values += value
    return count


def _refuse_elsewhere(body: Any, places: Collection[Path], remedy: str) -> None:
    for trail, value in _walked(body, ()):
        texts = [((trail, key), key) for key in value] if isinstance(value, dict) else [(trail, value)]
        for at, text in texts:
            ids = file_ids_in(text) if isinstance(text, str) else []
            if ids and (text != ids[0] or _path(at) not in places):
                where = _dotted(_path(at))
                raise InvalidRequest(f"{where} contains the file id {ids[0]}, but {remedy}.", param=where)


def _in_chat(body: Mapping[str, Any]) -> Iterator[Reference]:
    for i, message in _objects(body.get("messages")):
        for j, part in _objects(message.get("content")):
            kind, place = str(part.get("type")), ("messages", i, "content", j)
            for carrier in _CARRIERS.get(kind, ()):
                text = _at(part, carrier)
                if isinstance(text, str) and _names_a_file(carrier, text):
                    yield Reference(place, carrier, text, is_file_id(text))
            if kind != "text":
                yield from _foreign_ids(part, kind, place)


def _foreign_ids(part: Any, kind: str, place: Path) -> Iterator[Reference]:
    """Providers' own ids and addresses where none of ours is resolved, but some dialect or server may read theirs."""
    for trail, value in _walked(part, ()):
        if isinstance(value, str) and trail and trail[1] in _IDS and _names_a_file(trail[1:], value):
            path = _path(trail)
            if path not in _CARRIERS.get(kind, ()) and not is_file_id(value):
                yield Reference(place, path, value, False)


def _in_response(body: Mapping[str, Any]) -> Iterator[Reference]:
    """Source: the Responses API's description. Files stand in the input at several depths, and in containers."""
    for trail, value in chain.from_iterable(_walked(body.get(key), (key,)) for key in ("prompt", "input")):
        names = isinstance(value, dict) and str(value.get("type")) in _IN_RESPONSES
        if names and isinstance(file_id := value.get("file_id"), str):
            yield Reference(_path(trail), ("file_id",), file_id, is_file_id(file_id))
    for i, tool in _objects(body.get("tools")):
        if isinstance(mask := _at(tool, ("input_image_mask", "file_id")), str):
            yield Reference(("tools", i, "input_image_mask"), ("file_id",), mask, is_file_id(mask))
        ids = _at(tool, ("container", "file_ids"))
        for j, file_id in enumerate(ids if isinstance(ids, list) else ()):
            if isinstance(file_id, str):
                yield Reference(("tools", i, "container"), ("file_ids", j), file_id, is_file_id(file_id))


def _in_embeddings(body: Mapping[str, Any]) -> Iterator[Reference]:
    return iter(())


_FINDERS = {CHAT: _in_chat, RESPONSES: _in_response, EMBEDDINGS: _in_embeddings}


def _objects(value: Any) -> list[tuple[int, dict[str, Any]]]:
    """Those of an array's items that are objects, with their places."""
    if not isinstance(value, list):
        return []
    return [(index, item) for index, item in enumerate(value) if isinstance(item, dict)]


def _at(part: Any, path: Path) -> Any:
    for key in path:
        part = part.get(key) if isinstance(part, dict) else None
    return part


def _names_a_file(carrier: Path, text: str) -> bool:
    """`file_id` always does; an image's url or audio's data may hold a web address or the bytes themselves."""
    return carrier[-1] == "file_id" or _OF_PROVIDERS.match(text) is not None


def _walked(value: Any, start: Path) -> Iterator[tuple[Trail, Any]]:
    """The value and all within it, in order. A loop, as JSON may be nested a thousand deep."""
    trail: Trail = ()
    for key in start:
        trail = (trail, key)
    waiting = [(trail, value)]
    while waiting:
        trail, value = waiting.pop()
        yield trail, value
        if isinstance(value, dict):
            waiting.extend(((trail, key), inner) for key, inner in reversed(value.items()))
        elif isinstance(value, list):
            waiting.extend(((trail, index), value[index]) for index in reversed(range(len(value))))


def _path(trail: Trail) -> Path:
    keys = []
    while trail:
        trail, key = trail
        keys.append(key)
    return tuple(reversed(keys))


def _dotted(path: Path) -> str:
    """`messages[0].content[1].file.file_id`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")
