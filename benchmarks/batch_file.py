"""A batch's input of any size, written as a stream: the same bytes every time, with text that escaping would swell."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time

_WORDS = (
    "gateway", "Größe", "naïve", "façade", "данные", "проверка", "строка", "文件", "提供商", "批处理", "データ", "결과",
    "αρχείο", "ملف", "שורה", "फ़ाइल", "🙂", "“quoted”", "back\\slash", "two\nlines",
)  # fmt: skip
_SEED, _TEXTS = 4, 499
_ENVELOPE = 400  # bytes of a line around its text, at most


def write(path: Path, lines: int, line_bytes: int, model_of: Callable[[int], str]) -> None:
    """`lines` chats of `line_bytes` bytes each, newline included; their ids have 64 characters."""
    chance = random.Random(_SEED)
    texts = [_text(line_bytes - _ENVELOPE, chance) for _ in range(_TEXTS)]
    with path.open("wb") as file:
        file.writelines(_line(number, line_bytes, model_of(number), texts[number % _TEXTS]) for number in range(lines))


def custom_id(number: int) -> str:
    """The id of a line, counted from 0."""
    return f"request-{number:056d}"


def plain_seconds(path: Path) -> float:
    """CPU that `json.loads` and `json.dumps` of every line take."""
    began = process_time()
    with path.open("rb") as file:
        for line in file:
            json.dumps(json.loads(line))
    return process_time() - began


def ids_in(pieces: Iterator[bytes]) -> Iterator[str]:
    """The custom id of every line of an output or error file."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from (json.loads(line)["custom_id"] for line in whole)


def _text(size: int, chance: random.Random) -> str:
    """Words that take almost `size` bytes in JSON."""
    words: list[str] = []
    while size > 0:
        words.append(chance.choice(_WORDS))
        size -= len(json.dumps(words[-1], ensure_ascii=False).encode())
    return " ".join(words)


def _line(number: int, size: int, model: str, text: str) -> bytes:
    """Exactly `size` bytes: what is missing are dots."""
    return _dumped(number, model, text + "." * (size - len(_dumped(number, model, text))))


def _dumped(number: int, model: str, text: str) -> bytes:
    messages = [{"role": "system", "content": "Answer in one word."}, {"role": "user", "content": text}]
    body = {"model": model, "messages": messages, "temperature": 0.5, "max_tokens": 16}
    line = {"custom_id": custom_id(number), "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"
