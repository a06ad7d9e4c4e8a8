"""One batch job of Mistral's: its input, its life, its two files. Source: Mistral's API description."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from itertools import chain, islice

from managed_files.sandbox.answers import Json
from managed_files.sandbox.json_text import compact
from managed_files.sandbox.mistral_batch_input import count_checked
from managed_files.sandbox.mistral_files import MistralFiles
from managed_files.sandbox.store import Blob, Shelf, Writer
from managed_files.sandbox.wire import Reply

ENDED = ("SUCCESS", "FAILED", "TIMEOUT_EXCEEDED", "CANCELLED")

Ask = Callable[[str, bytes, str], Reply]  # endpoint, JSON and workspace of a request to its answer


class BatchJob:
    """A job of one workspace. `spec`: what the create call said. Its lines are answered as the endpoint itself does.

    What a line says is checked when its turn comes; what makes the input no list of requests fails the job.
    """

    def __init__(self, workspace: str, spec: Json, files: MistralFiles, shelf: Shelf, ask: Ask):
        self.id = str(uuid.uuid4())
        self.workspace = workspace
        self.spec = spec
        self.status = "QUEUED"
        self.created_at = int(time.time())
        self._files = files
        self._shelf = shelf
        self._ask = ask
        self._lock = threading.Lock()
        self._times: dict[str, int | None] = {"started_at": None, "completed_at": None}
        self._outputs: dict[str, str | None] = {"output_file": None, "error_file": None}
        self._errors: list[Json] = []
        self._total = self._succeeded = self._failed = 0

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def cancel(self) -> bool:
        """Whether the job can still be told to end."""
        with self._lock:
            if not self.ended:
                self.status = "CANCELLATION_REQUESTED"
            return not self.ended

    # Runnable

    def begin(self) -> bool:
        try:
            self._total = count_checked(self._lines())
        except ValueError as error:
            self.fail(str(error))
            return False
        self._times["started_at"] = int(time.time())
        self._move("RUNNING")
        return True

    def run(self) -> None:
        self._answer(self._total)
        self._end("SUCCESS")

    def expire(self) -> None:
        self._answer(self._total // 2)
        self._end("TIMEOUT_EXCEEDED")

    def fail(self, message: str) -> None:
        self._errors.append({"message": message, "count": 1})
        self._end("FAILED")

    def _move(self, status: str) -> None:
        """A wish to cancel outlives what does not know of it yet."""
        with self._lock:
            if self.status != "CANCELLATION_REQUESTED":
                self.status = status

    def _end(self, status: str) -> None:
        with self._lock:
            self.status = "CANCELLED" if self.status == "CANCELLATION_REQUESTED" else status
            self._times["completed_at"] = int(time.time())

    def _lines(self) -> Iterator[bytes]:
        return chain.from_iterable(blob.lines() for blob in self._inputs())

    def _inputs(self) -> list[Blob]:
        files = [self._files.get(self.workspace, file_id) for file_id in self.spec["input_files"]]
        if None in files:
            raise ValueError("An input file was deleted.")
        return [file.blob for file in files if file]

    def _answer(self, count: int) -> None:
        """Answers so many lines, until it is cancelled. A file without lines is not written."""
        with self._shelf.writer() as good, self._shelf.writer() as bad:
            for text in islice(self._lines(), count):
                if self.status == "CANCELLATION_REQUESTED":
                    break
                self._answer_one(json.loads(text), good, bad)
            self._outputs = {
                "output_file": self._written("batch_result", good) if good.size else None,
                "error_file": self._written("batch_error", bad) if bad.size else None,
            }

    def _answer_one(self, line: Json, good: Writer, bad: Writer) -> None:
        body = {**line["body"], "model": self.spec["model"]}
        reply = self._ask(self.spec["endpoint"], json.dumps(body).encode(), self.workspace)
        told = json.loads(reply.body if isinstance(reply.body, bytes) else b"null")
        response = {"status_code": reply.status, "body": told}
        result = {"id": f"batch-{uuid.uuid4()}", "custom_id": line["custom_id"], "response": response, "error": None}
        (good if reply.status == 200 else bad).write(compact(result) + b"\n")
        self._succeeded += reply.status == 200
        self._failed += reply.status != 200

    def _written(self, kind: str, writer: Writer) -> str:
        return self._files.write(self.workspace, f"{self.id}_{kind}.jsonl", kind, writer.commit())

    def public(self) -> Json:
        """A BatchJob."""
        done = self._succeeded + self._failed
        return {
            "id": self.id,
            "object": "batch",
            "input_files": self.spec["input_files"],
            "metadata": self.spec.get("metadata"),
            "endpoint": self.spec["endpoint"],
            "model": self.spec["model"],
            "agent_id": None,
            **self._outputs,
            "errors": self._errors,
            "status": self.status,
            "created_at": self.created_at,
            **self._times,
            "total_requests": self._total,
            "completed_requests": done,
            "succeeded_requests": self._succeeded,
            "failed_requests": self._failed,
            "outputs": None,
        }
