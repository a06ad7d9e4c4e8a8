"""Where a chat request may name files, and which it names. Pure functions of the request's values."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from managed_files.errors import InvalidRequest
from managed_files.ids import FILE_ID_PREFIX, file_ids_in, is_file_id

Path = tuple[str | int, ...]

_CARRIERS: dict[str, tuple[Path, ...]] = {  # by part type: where its id stands
    "file": (("file", "file_id"),),
    "image_url": (("image_url", "url"), ("image_url",)),
    "input_audio": (("input_audio", "data"),),
}
_OF_PROVIDERS = ("file-", "file_", "files/", "gs://", "s3://")  # how providers' own ids and addresses begin


class Reference(NamedTuple):
    """Part `part` of message `message` carries `file_id`; `managed` if it has the shape of ours, else a provider's."""

    message: int
    part: int
    carrier: Path
    file_id: str
    managed: bool

    @property
    def path(self) -> Path:
        return ("messages", self.message, "content", self.part, *self.carrier)

    @property
    def param(self) -> str:
        return _dotted(self.path)


def references(body: Mapping[str, Any]) -> list[Reference]:
    """Every part that carries a file id, in order. Raises InvalidRequest for one of our ids anywhere else."""
    found = list(_carried(body.get("messages")))
    if _count_ids(body) > sum(item.managed for item in found):
        _refuse_elsewhere(body, {item.path for item in found})
    return found


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


def _refuse_elsewhere(body: Any, places: Collection[Path]) -> None:
    for path, text in _texts(body):
        ids = file_ids_in(text)
        if ids and (path not in places or text != ids[0]):
            raise InvalidRequest(
                f"{_dotted(path)} contains the file id {ids[0]}, but a file can only be named by a content part: "
                '{"type": "file", "file": {"file_id": …}}. Move it there.',
                param=_dotted(path),
            )


def _carried(messages: Any) -> Iterator[Reference]:
    for i, message in _objects(messages):
        for j, part in _objects(message.get("content")):
            for carrier in _CARRIERS.get(str(part.get("type")), ()):
                text = _at(part, carrier)
                if isinstance(text, str) and _names_a_file(carrier, text):
                    yield Reference(i, j, carrier, text, is_file_id(text))


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
    return carrier == ("file", "file_id") or text.startswith(_OF_PROVIDERS)


def _texts(body: Any) -> Iterator[tuple[Path, str]]:
    """Every string of the request, keys included, with its path. A loop, as JSON may be nested a thousand deep."""
    waiting: list[tuple[Path, Any]] = [((), body)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield (*path, key), key
                waiting.append(((*path, key), inner))
        elif isinstance(value, list):
            waiting.extend(((*path, index), inner) for index, inner in enumerate(value))


def _dotted(path: Path) -> str:
    """`messages[0].content[1].file.file_id`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).lstrip(".")
