"""One batch of the Gemini API: a long-running operation over a file, or over requests that came with the call.

Wire facts: generativelanguage v1beta.
"""

import secrets
from collections.abc import Callable, Iterator

from managed_files.sandbox.answers import Json
from managed_files.sandbox.gemini_files import GENERATED, FileStore, StoredFile
from managed_files.sandbox.gemini_models import StudioModels
from managed_files.sandbox.gemini_schema import parse_request
from managed_files.sandbox.google_batches import GoogleJob, rpc_status
from managed_files.sandbox.google_errors import invalid, refused
from managed_files.sandbox.google_lines import Lines, json_line
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.wire import Refused

_TYPES = "type.googleapis.com/google.ai.generativelanguage.v1beta"
_MIME_TYPES = ("application/jsonl", "jsonl")


class ContentBatch(GoogleJob):
    """One batch of a model. `file`: its input; `requests`: they instead, and then the answers stand in it as well."""

    def __init__(self, project: str, model: str, spec: Json, models: StudioModels, store: FileStore, shelf: Shelf):
        super().__init__()
        self.id = secrets.token_hex(18)
        self.project = project
        self._model = model
        self._name = spec["displayName"]
        self._requests: list[Json] = spec["inputConfig"].get("requests", {}).get("requests", [])
        self._file_name = spec["inputConfig"].get("fileName", "")
        self._models = models
        self._store = store
        self._shelf = shelf
        self._output: Json = {}

    def input(self) -> StoredFile:
        """Raises a 404 or 400 for a file that this project does not have, or that cannot be used."""
        try:
            file = self._store.get(self.project, self._file_name.removeprefix("files/"))
        except Refused as error:
            raise refused(404, "Requested entity was not found.") from error
        if file.state != "ACTIVE":
            message = f"The File {file.id} is not in an ACTIVE state and usage is not allowed."
            raise refused(400, message, name="FAILED_PRECONDITION")
        if file.mime_type not in _MIME_TYPES:
            raise invalid(f"Unsupported MIME type for a batch: {file.mime_type}")
        return file

    def check(self) -> int:
        if not self._file_name:
            return len(self._requests)
        self._lines = Lines(self.input().blob, self._file_name)
        return len(self._lines)

    def answer(self, count: int) -> None:
        """All or nothing: a batch that did not come to its end has no output."""
        if count < self.total or self.cancelled:
            return
        if self._file_name:
            self._answer_file()
        else:
            answers = list(self._answers(iter(self._requests)))
            self._output = {"inlinedResponses": {"inlinedResponses": answers}}

    def _answer_file(self) -> None:
        with self._shelf.writer() as writer:
            for line in self._answers(self._lines.read(range(self.total))):
                writer.write(json_line(line))
            if not self.cancelled:
                made = self._store.add_generated(
                    self.project, f"{GENERATED}{self.id}", "application/jsonl", writer.commit()
                )
                self._output = {"responsesFile": f"files/{made.id}"}

    def _answers(self, lines: Iterator[Json]) -> Iterator[Json]:
        for line in lines:
            if self.cancelled:
                return
            told: Json = {name: line[name] for name in ("key", "metadata") if name in line}
            answer, error = self.outcome(self._reply(line["request"]))
            yield {**told, "error": rpc_status(error)} if answer is None else {**told, "response": answer}

    def _reply(self, request: Json) -> Callable[[], Json]:
        return lambda: self._models.answer(self.project, parse_request(request), self._model).whole()

    def operation(self) -> Json:
        """Counts are strings, and zeros are absent; output and error come with the end."""
        done = self.succeeded + self.failed
        counts = {"successful": self.succeeded, "failed": self.failed, "pending": self.total - done}
        stats = {f"{name}RequestCount": str(count) for name, count in counts.items() if count}
        metadata: Json = {
            "@type": f"{_TYPES}.GenerateContentBatch",
            "name": f"batches/{self.id}",
            "model": f"models/{self._model}",
            "displayName": self._name,
            "state": f"BATCH_STATE_{self.state}",
            **{name: moment for name, moment in self.times.items() if name != "startTime"},
            "batchStats": {"requestCount": str(self.total), **stats},
        }
        operation: Json = {"name": f"batches/{self.id}", "metadata": metadata}
        if not self.ended:
            return operation
        if self._output:
            response = {"@type": f"{_TYPES}.GenerateContentBatchOutput", **self._output}
            return {**operation, "metadata": {**metadata, "output": self._output}, "done": True, "response": response}
        return {**operation, "done": True, **({"error": self.error} if self.error else {})}
