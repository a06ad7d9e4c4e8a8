"""One batch of OpenAI's: its states in their order, and how its lines are run. Wire facts: OpenAI's API description."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from managed_files.sandbox.answers import Json
from managed_files.sandbox.inward import asked, posted
from managed_files.sandbox.openai_batch_input import Check, texts_of
from managed_files.sandbox.openai_errors import bad
from managed_files.sandbox.openai_files import FileStore, StoredFile
from managed_files.sandbox.store import Writer
from managed_files.sandbox.wire import Reply, Request

LineHandler = Callable[[Request, str], Reply]
ENDED = ("failed", "completed", "expired", "cancelled")
_STAMPS = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
_UNASKED = {
    "expired": "This request could not be executed before the completion window expired.",
    "cancelled": "This request could not be executed because the batch was cancelled.",
}


@dataclass(frozen=True)
class Rules:
    """What a stand-in's batches may be. `handlers`: endpoint → what answers a line; `models`: None for any."""

    handlers: Mapping[str, LineHandler]
    models: tuple[str, ...] | None = None
    max_lines: int = 50_000
    longest_window: int = 86_400


@dataclass(eq=False)
class BatchJob:
    """`status` changes in the worker's thread, and by `cancel`. `window`, `life`: seconds; `life` of the results."""

    project: str
    input: StoredFile
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
                "input_file_id": self.input.id,
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
        check = Check(self.endpoint, self.rules.models, self.rules.max_lines).read(self.input.blob)
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
        texts = texts_of(self.input.blob)
        with self.store.writer() as output, self.store.writer() as error:
            for line in _disordered(map(self._outcome, islice(self._until_cancelled(texts), most))):
                self._write(line, output, error)
            self._move("in_progress", "finalizing" if end == "completed" else end)
            end = "cancelled" if self.status == "cancelling" else end
            for text in texts if end in _UNASKED else ():
                _append(error, _without_answer(text, f"batch_{end}", _UNASKED[end]))
            files = {name: self._kept(name, writer) for name, writer in (("output", output), ("error", error))}
        with self._lock:
            self.files = {name: file_id for name, file_id in files.items() if file_id}
            self._enter(end)

    def _until_cancelled(self, texts: Iterator[bytes]) -> Iterator[bytes]:
        while self.status != "cancelling" and (text := next(texts, None)):
            yield text

    def _outcome(self, text: bytes) -> Json:
        line = json.loads(text)
        reply = asked(self._one, posted(self.endpoint, json.dumps(line["body"]).encode()))
        response = {"status_code": reply.status, "request_id": secrets.token_hex(16), "body": _json(reply)}
        return _line(line["custom_id"], response=response, error=None)

    def _one(self, request: Request) -> Reply:
        reply = self.rules.handlers[self.endpoint](request, self.project)
        if not isinstance(reply.body, bytes):
            raise bad("Streaming is not supported in the Batch API.", param="stream")
        return reply

    def _write(self, line: Json, output: Writer, error: Writer) -> None:
        good = line["response"]["status_code"] == 200
        _append(output if good else error, line)
        with self._lock:
            self.counts["completed" if good else "failed"] += 1

    def _kept(self, name: str, writer: Writer) -> str | None:
        if not writer.size:
            return None
        return self.store.keep(self.project, f"{self.id}_{name}.jsonl", "batch_output", writer.commit(), self.life).id

    def _move(self, old: str, new: str) -> None:
        """From one state to the next, unless it was cancelled meanwhile."""
        with self._lock:
            if self.status == old:
                self._enter(new)

    def _enter(self, status: str) -> None:
        self.status = status
        self.stamps[status] = int(time.time())


def _disordered(lines: Iterable[Json]) -> Iterator[Json]:
    """Every second line before the one it follows: the order of results is not that of the input."""
    incoming = iter(lines)
    for line in incoming:
        following = next(incoming, None)
        yield from (line,) if following is None else (following, line)


def _without_answer(text: bytes, code: str, message: str) -> Json:
    return _line(json.loads(text)["custom_id"], response=None, error={"code": code, "message": message})


def _line(custom_id: str, **outcome: Json | None) -> Json:
    return {"id": f"batch_req_{secrets.token_hex(16)}", "custom_id": custom_id, **outcome}


def _append(writer: Writer, line: Json) -> None:
    writer.write(json.dumps(line).encode() + b"\n")


def _json(reply: Reply) -> Json:
    parsed: Json = json.loads(reply.body if isinstance(reply.body, bytes) else b"".join(reply.body))
    return parsed
