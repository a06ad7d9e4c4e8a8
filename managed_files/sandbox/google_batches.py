"""The life of a batch job, as both of Google's platforms have it: states, counts, times. Knows no protocol."""

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

from managed_files.sandbox.answers import Json
from managed_files.sandbox.google_errors import invalid
from managed_files.sandbox.wire import Refused

_ENDS = ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")
_RPC_CODES = {
    "CANCELLED": 1,
    "INVALID_ARGUMENT": 3,
    "NOT_FOUND": 5,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "INTERNAL": 13,
}


class GoogleJob(ABC):
    """One job. `state` lacks its prefix; `error` is a google.rpc.Status; `times` are as the JSON names them.

    `cancelling`: the state between the wish to cancel and the end, where the platform has one.
    """

    cancelling: ClassVar[str | None] = None

    def __init__(self) -> None:
        self.state = "PENDING"
        self.error: Json | None = None
        self.total = self.succeeded = self.failed = 0
        self.times = {"createTime": now(), "updateTime": now()}
        self.cancelled = False
        self._lock = threading.Lock()

    @abstractmethod
    def check(self) -> int:
        """Reads the whole input; how many lines it has. Raises Refused for what fails the job as a whole."""

    @abstractmethod
    def answer(self, count: int) -> None:
        """Answers so many lines, fewer when it is cancelled meanwhile, and stores what came of them."""

    @property
    def ended(self) -> bool:
        return self.state in _ENDS

    def cancel(self) -> None:
        """Asks the job to end."""
        self.cancelled = True
        if self.cancelling:
            self._move(self.cancelling)

    def begin(self) -> bool:
        try:
            self.total = self.check()
        except Refused as refused:
            self.error = rpc_status(error_of(refused))
            self._move("FAILED")
            return False
        self._move("RUNNING", "startTime")
        return True

    def run(self) -> None:
        self.answer(self.total)
        self._move("CANCELLED" if self.cancelled else "SUCCEEDED")

    def expire(self) -> None:
        self.answer(self.total // 2)
        self._move("EXPIRED")

    def fail(self, message: str) -> None:
        self.error = {"code": _RPC_CODES["INTERNAL"], "message": message}
        self._move("FAILED")

    def outcome(self, reply: Callable[[], Json]) -> tuple[Json | None, Json]:
        """A line's answer, or None and the error as the same chat would have had it; counted."""
        try:
            answer = reply()
        except Refused as refused:
            self.failed += 1
            return None, error_of(refused)
        self.succeeded += 1
        return answer, {}

    def _move(self, state: str, also: str | None = None) -> None:
        with self._lock:
            if self.ended or (self.cancelled and state == "RUNNING"):
                return
            self.state = state
            moment = now()
            ends: dict[str, str] = {"endTime": moment} if self.ended else {}
            self.times.update({"updateTime": moment, **ends, **({also: moment} if also else {})})


def error_of(refused: Refused) -> Json:
    """The `error` of a refusal's body."""
    body = refused.reply.body
    error: Json = json.loads(body)["error"] if isinstance(body, bytes) else {}
    return error


def rpc_status(error: Json) -> Json:
    """The same as a google.rpc.Status, whose codes are gRPC's."""
    return {"code": _RPC_CODES.get(error["status"], 2), "message": error["message"]}


def page_of(items: list[Json], size: str, token: str | None, key: str) -> Json:
    """A page of a list, as `pageSize` and `pageToken` ask for it; `key` is absent when it is empty. Raises a 400."""
    if not size.isdigit() or not (token or "0").isdigit():
        raise invalid("Request contains an invalid argument.")
    start = int(token or 0)
    stop = start + min(int(size) or 100, 100)
    shown = items[start:stop]
    answer: Json = {key: shown} if shown else {}
    return {**answer, "nextPageToken": str(stop)} if stop < len(items) else answer


def now() -> str:
    """RFC 3339, as Google's JSON has it."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
