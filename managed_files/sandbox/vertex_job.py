"""One batch prediction job of Vertex AI: JSONL in Cloud Storage in and out. Wire facts: aiplatform v1."""

import random
import re
from contextlib import ExitStack
from http import HTTPStatus

from managed_files.sandbox.answers import Json
from managed_files.sandbox.gcs import Buckets, StoredObject
from managed_files.sandbox.gemini_schema import parse_request
from managed_files.sandbox.google_batches import GoogleJob, now
from managed_files.sandbox.google_errors import invalid
from managed_files.sandbox.google_lines import Lines, json_line
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.vertex import Models

OBJECT = re.compile(r"gs://([^/]+)/(.+)")
_IN_TWO_SHARDS = 4  # from so many lines on


class PredictionJob(GoogleJob):
    """One job of a Gemini model. `spec`: what the create call said. The order of the output is nobody's."""

    cancelling = "CANCELLING"

    def __init__(self, name: str, spec: Json, models: Models, buckets: Buckets, shelf: Shelf):
        super().__init__()
        self.name = name
        self._spec = spec
        self._model = spec["model"].rpartition("/")[2]
        self._models = models
        self._buckets = buckets
        self._shelf = shelf
        self._directory = ""

    def check(self) -> int:
        self._bucket_of(self._prefix)
        uri = self._spec["inputConfig"]["gcsSource"]["uris"][0]
        self._bucket_of(uri)
        stored = self._buckets.objects.get(uri)
        if stored is None:
            raise invalid(f"Failed to import data. No object matched {uri}.")
        self._lines = Lines(stored.blob, uri)
        return len(self._lines)

    def answer(self, count: int) -> None:
        order = random.sample(range(count), count)
        if not order or self.cancelled:
            return
        moment = now()
        names = ("_000", "_001") if len(order) >= _IN_TWO_SHARDS else ("",)
        with ExitStack() as stack:
            shards = [stack.enter_context(self._shelf.writer()) for _ in names]
            for position, line in enumerate(self._lines.read(order)):
                if self.cancelled:
                    break
                shards[position % len(shards)].write(json_line(self._result(line)))
            directory = f"{self._prefix}/prediction-model-{moment}"
            bucket, folder = self._bucket_of(directory)
            for name, shard in zip(names, shards, strict=True):
                stored = StoredObject(bucket, f"{folder}/predictions{name}.jsonl", "text/plain", shard.commit())
                self._buckets.put(stored, None)
        self._directory = directory

    @property
    def display_name(self) -> str:
        return str(self._spec["displayName"])

    @property
    def _prefix(self) -> str:
        return str(self._spec["outputConfig"]["gcsDestination"]["outputUriPrefix"]).rstrip("/")

    def _bucket_of(self, uri: str) -> tuple[str, str]:
        """Bucket and name. Raises a 400 for a bucket that the service agent cannot use."""
        found = OBJECT.fullmatch(uri)
        if found is None or found[1] not in self._buckets.names:
            raise invalid(f"The service agent does not have access to {uri}.")
        return found[1], found[2]

    def _result(self, line: Json) -> Json:
        """An echo of the line, without any id, and the answer; or a `status` that quotes the error."""
        request = line["request"]
        answer, error = self.outcome(lambda: self._models.answer(parse_request(request), self._model).whole())
        status = ""
        if answer is None:
            phrase = HTTPStatus(error["code"]).phrase
            status = f"{phrase}: {json_line({'error': error}).decode().strip()}"
        return {"status": status, "processed_time": now(), "request": request, "response": answer or {}}

    def resource(self) -> Json:
        """Counts are strings; what has not happened yet is absent."""
        done = self.succeeded + self.failed
        counts = {"successfulCount": self.succeeded, "failedCount": self.failed, "incompleteCount": self.total - done}
        stats = {name: str(count) for name, count in counts.items()}
        return {
            "name": self.name,
            **self._spec,
            "state": f"JOB_STATE_{self.state}",
            **self.times,
            **({"error": self.error} if self.error else {}),
            **({"completionStats": stats} if self.ended and self.total else {}),
            **({"outputInfo": {"gcsOutputDirectory": self._directory}} if self._directory else {}),
        }
