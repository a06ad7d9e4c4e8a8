"""The two files that a batch of OpenAI's ends in: answers, and errors. Wire facts: OpenAI's batch guide."""

import json
import secrets
from types import TracebackType

from managed_files.sandbox.answers import Json
from managed_files.sandbox.openai_files import FileStore
from managed_files.sandbox.wire import Reply

_UNASKED = {
    "expired": "This request could not be executed before the completion window expired.",
    "cancelled": "This request could not be executed because the batch was cancelled.",
}


class Results:
    """Takes the outcome of one line after the other; they come out in another order, as the real ones do."""

    def __init__(self, store: FileStore):
        self._store = store
        self._writers = {"output": store.writer(), "error": store.writer()}
        self._waiting: dict[str, bytes] = {}

    def __enter__(self) -> "Results":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.discard()

    def add(self, custom_id: str, reply: Reply) -> bool:
        """What a line was answered. Whether it is a success."""
        answer = reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)
        response = {"status_code": reply.status, "request_id": secrets.token_hex(16), "body": json.loads(answer)}
        good = reply.status == 200
        self._put("output" if good else "error", custom_id, {"response": response, "error": None})
        return good

    def add_unasked(self, custom_id: str, end: str) -> None:
        """A line that the batch did not come to, because it expired or was cancelled."""
        error = {"code": f"batch_{end}", "message": _UNASKED[end]}
        self._put("error", custom_id, {"response": None, "error": error})

    def keep(self, project: str, batch_id: str, life: int) -> dict[str, str]:
        """Stores the files that are not empty. Their ids, under "output" and "error"."""
        for name, line in self._waiting.items():
            self._writers[name].write(line)
        return {
            name: self._store.keep(project, f"{batch_id}_{name}.jsonl", "batch_output", writer.commit(), life).id
            for name, writer in self._writers.items()
            if writer.size
        }

    def _put(self, name: str, custom_id: str, outcome: Json) -> None:
        """Every second line goes before the one that it follows."""
        line = {"id": f"batch_req_{secrets.token_hex(16)}", "custom_id": custom_id, **outcome}
        text = json.dumps(line).encode() + b"\n"
        before = self._waiting.pop(name, None)
        if before is None:
            self._waiting[name] = text
        else:
            self._writers[name].write(text + before)
