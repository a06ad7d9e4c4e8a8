"""One batch of OpenAI's: its states in their order, and how its lines are run. Wire facts: OpenAI's API description."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from managed_files.sandbox.answers import Json
from managed_files.sandbox.inward import asked, posted
from managed_files.sandbox.openai_batch_input import Check, texts_of
from managed_files.sandbox.openai_batch_results import Results
from managed_files.sandbox.openai_errors import bad
from managed_files.sandbox.openai_files import FileStore, StoredFile
from managed_files.sandbox.wire import Reply, Request

LineHandler = Callable[[Request, str], Reply]
ENDED = ("failed", "completed", "expired", "cancelled")
_STAMPS = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


@dataclass(frozen=True)
class Rules:
    """What a stand-in's batches may be. `handlers`: endpoint → what answers a line; `models`: None for any."""

    handlers: Mapping[str, LineHandler]
    models: tuple[str, ...] | None = None
    max_lines: int = 50_000
    max_bytes: int = 200_000_000
    longest_window: int = 86_400


@dataclass(eq=False)
class BatchJob:
    """`status` changes in the worker's thread, and by `cancel`. `window`, `life`: seconds; `life` of the results."""

    project: str
    input_id: str
    endpoint: str
    window: str
    seconds: int
    metadata: Json | None
    life: int
    store: FileStore
    rules: Rules
    id: str = field(default_factory=lambda: f"batch_{secrets.token_hex(16)}")
    created_at: int = field(default_factory=lambda: int(time.time()))
    status: str = "validating"
    model: str | None = None
    errors: list[Json] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"total": 0, "completed": 0, "failed": 0})
    stamps: dict[str, int] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    input: StoredFile | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def public(self) -> Json:
        """OpenAI's `batch` object."""
        with self._lock:
            return {
                "id": self.id,
                "object": "batch",
                "endpoint": self.endpoint,
                "model": self.model,
                "errors": {"object": "list", "data": self.errors} if self.errors else None,
                "input_file_id": self.input_id,
                "completion_window": self.window,
                "status": self.status,
                "output_file_id": self.files.get("output"),
                "error_file_id": self.files.get("error"),
                "created_at": self.created_at,
                "expires_at": self.created_at + self.seconds,
                **{f"{name}_at": self.stamps.get(name) for name in _STAMPS},
                "request_counts": dict(self.counts),
                "metadata": self.metadata,
            }

    def cancel(self) -> bool:
        """Whether it can still be cancelled."""
        with self._lock:
            if self.status in (*ENDED, "cancelling"):
                return False
            self._enter("cancelling")
            return True

    # The worker's side

    def begin(self) -> bool:
        self.input = self.store.get(self.project, self.input_id)
        rules = self.rules
        check = Check(self.endpoint, rules.models, rules.max_lines, rules.max_bytes).read(self.input)
        self.model, self.errors, self.counts["total"] = check.model, check.findings, check.total
        if check.findings:
            self.counts["total"] = 0
        self._move("validating", "failed" if check.findings else "in_progress")
        return self.status != "failed"

    def run(self) -> None:
        self._answer(self.counts["total"], "completed")

    def expire(self) -> None:
        self._answer(self.counts["total"] // 2, "expired")

    def fail(self, message: str) -> None:
        with self._lock:
            self.errors = [{"code": "server_error", "message": message, "param": None, "line": None}]
            self._enter("failed")

    def _answer(self, most: int, end: str) -> None:
        """Answers the first `most` lines, then ends; as cancelled, if that came first."""
        texts = texts_of(self.input.blob) if self.input else iter(())
        with Results(self.store) as results:
            for text in islice(self._until_cancelled(texts), most):
                self._count(results.add(*self._outcome(text)))
            self._move("in_progress", "finalizing")  # an end is told only with its results
            end = "cancelled" if self.status == "cancelling" else end
            for text in texts if end != "completed" else ():
                results.add_unasked(_custom_id(text), end)
            files = results.keep(self.project, self.id, self.life)
        with self._lock:
            self.files = files
            self._enter(end)

    def _until_cancelled(self, texts: Iterator[bytes]) -> Iterator[bytes]:
        while self.status != "cancelling" and (text := next(texts, None)):
            yield text

    def _outcome(self, text: bytes) -> tuple[str, Reply]:
        body = json.dumps(json.loads(text)["body"]).encode()
        return _custom_id(text), asked(self._one, posted(self.endpoint, body))

    def _one(self, request: Request) -> Reply:
        reply = self.rules.handlers[self.endpoint](request, self.project)
        if not isinstance(reply.body, bytes):
            raise bad("Streaming is not supported in the Batch API.", param="stream")
        return reply

    def _count(self, good: bool) -> None:
        with self._lock:
            self.counts["completed" if good else "failed"] += 1

    def _move(self, old: str, new: str) -> None:
        """From one state to the next, unless it was cancelled meanwhile."""
        with self._lock:
            if self.status == old:
                self._enter(new)

    def _enter(self, status: str) -> None:
        self.status = status
        self.stamps[status] = int(time.time())


def _custom_id(text: bytes) -> str:
    return str(json.loads(text)["custom_id"])
