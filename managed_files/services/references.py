"""Where a chat request may name files, and which it names. Pure functions of the request's values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from managed_files.errors import InvalidRequest
from managed_files.ids import FILE_ID_PREFIX, file_ids_in, is_file_id

Path = tuple[str | int, ...]

_CARRIERS: dict[str, tuple[Path, ...]] = {  # by part type: where its id stands
    "file": (("file", "file_id"),),
    "image_url": (("image_url", "url"), ("image_url",)),
    "input_audio": (("input_audio", "data"),),
}
_OF_PROVIDERS = ("file-", "file_", "files/", "gs://", "s3://")  # how providers' own ids and addresses begin


@dataclass(frozen=True, slots=True)
class Reference:
    """Part `part` of message `message` carries `file_id`; `managed` if it has the shape of ours, else a provider's."""

    message: int
    part: int
    file_id: str
    param: str

    @property
    def managed(self) -> bool:
        return is_file_id(self.file_id)


def references(body: Mapping[str, Any]) -> list[Reference]:
    """Every part that carries a file id, in order. Raises InvalidRequest for one of our ids anywhere else."""
    found = dict(_carried(body.get("messages")))
    if _count_ids(body) > sum(reference.managed for reference in found.values()):
        _refuse_elsewhere(body, found)
    return list(found.values())


def _count_ids(body: Any) -> int:
    """Our ids in the whole request, keys included. Without paths: most requests have every id in its place."""
    count, waiting = 0, [body]
    while waiting:
        value = waiting.pop()
        kind = type(value)  # JSON makes no subclasses, and isinstance costs twice as much
        if kind is str:
            if FILE_ID_PREFIX in value:
                count += len(file_ids_in(value))
        elif kind is dict:
            waiting += value
            waiting += value.values()
        elif kind is list:
            waiting += value
    return count


def _refuse_elsewhere(body: Any, found: Mapping[Path, Reference]) -> None:
    for path, text in _texts(body):
        ids = file_ids_in(text)
        if ids and (path not in found or text != ids[0]):
            raise InvalidRequest(
                f"{_dotted(path)} contains the file id {ids[0]}, but a file can only be named by a content part: "
                '{"type": "file", "file": {"file_id": …}}. Move it there.',
                param=_dotted(path),
            )


def _carried(messages: Any) -> Iterator[tuple[Path, Reference]]:
    for i, message in _items(messages):
        for j, part in _items(message.get("content")):
            for carrier in _CARRIERS.get(str(part.get("type")), ()):
                text = _at(part, carrier)
                if isinstance(text, str) and _names_a_file(carrier, text):
                    path = ("messages", i, "content", j, *carrier)
                    yield path, Reference(i, j, text, _dotted(path))


def _items(value: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    if isinstance(value, list):
        yield from ((index, item) for index, item in enumerate(value) if isinstance(item, dict))


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
