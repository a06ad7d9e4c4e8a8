"""One message batch: its requests, its life, its results. Wire facts: the types of the `anthropic` package 2.12."""

import json
import random
import secrets
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from managed_files.sandbox.answers import Json
from managed_files.sandbox.anthropic_access import Access
from managed_files.sandbox.anthropic_errors import bad, refused
from managed_files.sandbox.json_text import compact
from managed_files.sandbox.store import Blob, Shelf
from managed_files.sandbox.wire import Refused

_LIFE = timedelta(hours=24)

Answer = Callable[[Json, Access], Json]  # a chat's body to a Message; raises Refused


class MessageBatch:
    """Requests of one `access`, as `blob` holds them in lines; `spans` are where each one starts, and its length.

    What a request says is checked when its turn comes, as Anthropic does it. Results come in nobody's order. A batch
    never fails as a whole.
    """

    def __init__(self, access: Access, blob: Blob, spans: list[tuple[int, int]], shelf: Shelf, answer: Answer):
        self.id = f"msgbatch_01{secrets.token_hex(11)}"
        self.access = access
        self.created_at = datetime.now(UTC)
        self.results: Blob | None = None
        self._requests = blob
        self._spans = spans
        self._shelf = shelf
        self._answer = answer
        self._lock = threading.Lock()
        self._counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        self._counts["processing"] = len(spans)
        self._cancelled_at: datetime | None = None
        self._ended_at: datetime | None = None

    @property
    def ended(self) -> bool:
        return self._ended_at is not None

    def cancel(self) -> None:
        """Raises a 400 once it has ended."""
        with self._lock:
            if self.ended:
                raise bad(f"Message Batch {self.id} cannot be canceled because it has already ended.")
            self._cancelled_at = self._cancelled_at or datetime.now(UTC)

    def remove(self) -> None:
        """Gives the disk space back."""
        for blob in (self._requests, self.results):
            if blob is not None:
                self._shelf.remove(blob)

    # Runnable

    def begin(self) -> bool:
        return True

    def run(self) -> None:
        self._end(range(len(self._spans)), "canceled")

    def expire(self) -> None:
        self._end(range(len(self._spans) // 2), "expired")

    def fail(self, message: str) -> None:
        def broken(body: Json, access: Access) -> Json:
            raise refused(500, message)

        self._answer = broken
        self.run()

    def _end(self, asked: Iterable[int], otherwise: str) -> None:
        """Asks these requests, until the batch is cancelled; the others are told off with a word."""
        order, left = random.sample(range(len(self._spans)), len(self._spans)), set(asked)
        counts = dict.fromkeys(self._counts, 0)
        with self._shelf.writer() as writer, self._path.open("rb") as requests:
            for number in order:
                requests.seek(self._spans[number][0])
                request = json.loads(requests.read(self._spans[number][1]))
                result = self._result(request["params"]) if number in left and not self._cancelled_at else None
                result = result or {"type": "canceled" if self._cancelled_at else otherwise}
                counts[result["type"]] += 1
                line = {"custom_id": request["custom_id"], "result": result}
                writer.write(compact(line) + b"\n")
            blob = writer.commit()
        with self._lock:
            self.results, self._counts, self._ended_at = blob, counts, datetime.now(UTC)

    def _result(self, params: Json) -> Json:
        try:
            if params.get("stream"):
                raise bad("stream: Streaming is not supported in Message Batches.")
            return {"type": "succeeded", "message": self._answer(params, self.access)}
        except Refused as refusal:
            body = refusal.reply.body
            return {"type": "errored", "error": json.loads(body if isinstance(body, bytes) else b"{}")}

    def public(self, url: str) -> Json:
        """A MessageBatch. `url`: of the server."""
        status = "ended" if self.ended else "canceling" if self._cancelled_at else "in_progress"
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": self._counts,
            "created_at": _rfc3339(self.created_at),
            "expires_at": _rfc3339(self.created_at + _LIFE),
            "ended_at": _rfc3339(self._ended_at),
            "cancel_initiated_at": _rfc3339(self._cancelled_at),
            "archived_at": None,
            "results_url": f"{url}/v1/messages/batches/{self.id}/results" if self.ended else None,
        }

    @property
    def _path(self) -> Path:
        if self._requests.path is None:
            raise ValueError("these requests were not kept")
        return self._requests.path


def _rfc3339(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
