"""What a line of a batch's input has to be. Pure: bytes in, checked lines or findings out."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from managed_files.batch_records import CHAT, ENDPOINTS
from managed_files.errors import InvalidRequest
from managed_files.strict_json import decoded

MOST_FINDINGS = 20
_LONGEST_CUSTOM_ID = 512
_FIELDS = frozenset({"custom_id", "method", "url", "body"})
_LINE_ENDS = ("\x85", "\u2028", "\u2029")  # to str.splitlines, and so to OpenAI's SDK; JSON lets them stand in a text
_AS_IT_IS = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_ESCAPED = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Line:
    """One request of a batch. `number` counts the file's lines from 1; `url` one of OpenAI's endpoints."""

    number: int
    custom_id: str
    url: str
    body: dict[str, Any]

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def key(self) -> str:
        """The line's name at its provider: its number, after a zero if its answer has to say `function_call`.

        Results come back under nothing but their keys, and are put in OpenAI's words without the line.
        """
        return f"{'0' if asks_for_functions(self.body) else ''}{self.number}"


def asks_for_functions(body: Mapping[str, Any]) -> bool:
    """Whether a chat uses the deprecated `functions`, so that its answer has to say `function_call`."""
    return bool(body.get("functions")) and not body.get("tools")


def asked_for_functions(key: str) -> bool:
    """The same, by the key of its line."""
    return key.startswith("0")


class Findings:
    """What is wrong with a file, line by line. Twenty are enough for a client to see what it does wrong."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, number: int, text: str) -> None:
        """Raises InvalidRequest with all findings once there are twenty."""
        self._found.append(f"line {number}: {text.rstrip('.')}")
        if len(self._found) == MOST_FINDINGS:
            self._found.append("there may be more")
            self.check()

    def check(self) -> None:
        """Raises InvalidRequest if there are any."""
        if self._found:
            raise InvalidRequest(f"The file cannot be run as a batch. {'; '.join(self._found)}.", param="file")


class LineChecker:
    """Checks one file's lines in order. Remembers a digest of every custom id, not the id."""

    def __init__(self, findings: Findings, most_lines: int):
        self._findings = findings
        self._most_lines = most_lines
        self._seen: dict[bytes, int] = {}
        self._url: str | None = None
        self._number = 0
        self.count = 0

    def check(self, raw: bytes) -> Line | None:
        """The next line of the file, None for a blank one or one that something is wrong with."""
        self._number += 1
        if not raw.strip():
            return None
        self.count += 1
        if self.count > self._most_lines:
            raise InvalidRequest(f"The file has more than {self._most_lines} lines. Split it.", param="file")
        try:
            return self._line(_object(raw))
        except InvalidRequest as error:
            self._findings.add(self._number, error.message)
            return None

    def _line(self, item: dict[str, Any]) -> Line:
        unknown = sorted(item.keys() - _FIELDS)
        if unknown:
            raise InvalidRequest(
                f"{unknown[0][:100]!r} is not a key of a batch line; they are {', '.join(sorted(_FIELDS))}"
            )
        custom_id = self._custom_id(item.get("custom_id"))
        if item.get("method") != "POST":
            raise InvalidRequest("'method' has to be 'POST'")
        url = self._endpoint(item.get("url"))
        return Line(self._number, custom_id, url, _body(item.get("body"), url))

    def _custom_id(self, value: Any) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_CUSTOM_ID:
            raise InvalidRequest(f"'custom_id' has to be a text of 1 to {_LONGEST_CUSTOM_ID} characters")
        digest = hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        earlier = self._seen.setdefault(digest, self._number)
        if earlier != self._number:
            raise InvalidRequest(f"'custom_id' {value[:100]!r} stands in line {earlier} too; each needs its own")
        return value

    def _endpoint(self, url: Any) -> str:
        if url not in ENDPOINTS:
            raise InvalidRequest(f"'url' has to be one of {', '.join(ENDPOINTS)}")
        self._url = self._url or url
        if url != self._url:
            raise InvalidRequest(f"'url' is {url}, but {self._url} in an earlier line; a batch has one endpoint")
        return str(url)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        item = decoded(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("it is not JSON") from error
    if not isinstance(item, dict):
        raise InvalidRequest("it is not a JSON object")
    return item


def _body(body: Any, url: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise InvalidRequest("'body' has to be a JSON object")
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise InvalidRequest("'body.model' has to name a model")
    if body.get("stream"):
        raise InvalidRequest("'body.stream' has no meaning in a batch; leave it out")
    if url == CHAT and "fallbacks" in body:  # the gateway's own word, which no provider knows
        raise InvalidRequest("'body.fallbacks' has no meaning in a batch; leave it out")
    if url == CHAT and not _is_talk(body.get("messages")):
        raise InvalidRequest("'body.messages' has to be a list of objects")
    return body


def _is_talk(messages: Any) -> bool:
    return isinstance(messages, list) and all(isinstance(message, dict) for message in messages)


def dumped(item: dict[str, Any]) -> bytes:
    """One line without its newline. Text stays as it is, for escaped it could be six times as long.

    Only what some readers take for the end of a line is escaped.
    """
    text = _AS_IT_IS.encode(item)
    for end in _LINE_ENDS:
        if end in text:  # to look is a hundred times as fast as to replace nothing
            text = text.replace(end, f"\\u{ord(end):04x}")
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can say and UTF-8 cannot
        return _ESCAPED.encode(item).encode()
