"""The Gemini API's batches: one file of requests in, one of responses out. Source: generativelanguage v1beta."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

from managed_files.batch_records import BatchLimits, Job, JobOrder, JobState, LineResult
from managed_files.errors import ProviderFailed
from managed_files.providers.batches import PATIENCE, BatchApi
from managed_files.providers.gemini_files import GeminiFiles, means_gone, path_of, planned_uri
from managed_files.providers.gemini_operations import inlined_in, metadata_of, output_of, outputs_of
from managed_files.providers.google_batches import count_of, message_of, objects_in, refused_line, state_of
from managed_files.providers.line_file import LineFile
from managed_files.providers.wire import Wire
from managed_files.records import CopyState, Deployment

_PROVIDER = "gemini"
_MIME_TYPE = "application/jsonl"
_PAGE = 100

Json = dict[str, Any]


class GeminiBatches(BatchApi):
    """One model's jobs each. A job is a long-running operation named `batches/…`.

    A file dies after 48 hours and cannot be read back, so the lines wait with us and become a file when the job is
    made: under a name that follows from the part. A job's results are a file that Google makes, `files/batch-…`.
    """

    holds_input = False
    limits = BatchLimits(bytes=2_000_000_000)

    def __init__(self, account: str, files: GeminiFiles, wire: Wire, headers: Callable[[], dict[str, str]]):
        self._account = account
        self._files = files
        self._wire = wire.within(PATIENCE)
        self._headers = headers

    def line(self, key: str, endpoint: str, body: Json, deployment: Deployment) -> Json:
        return {"key": key, "request": body}

    def key_of(self, line: Json) -> str:
        return str(line["key"])

    def create(self, order: JobOrder) -> str:
        uri = self._input(order.part_id)
        self._files.delete(uri)  # what an interrupted attempt left holds the name
        with LineFile(order.lines or ()) as lines:
            file = self._files.store(uri, f"{order.part_id}.jsonl", _MIME_TYPE, lines, lines.size())
        if (state := self._files.settled(uri, file)) is not CopyState.READY:  # a batch of it would be refused
            raise ProviderFailed(_PROVIDER, f"{_PROVIDER}: the batch's file is {state.value}.", retryable=True)
        batch = {"displayName": order.part_id, "inputConfig": {"fileName": f"files/{uri.rpartition('/')[2]}"}}
        url = f"{self._files.url(path_of(order.deployment.model))}:batchGenerateContent"
        name = self._call("POST", url, {"batch": batch}).get("name")
        if not isinstance(name, str) or not name.startswith("batches/"):
            raise self._wire.nonsense("a batch without a name")
        return name

    def find(self, part_id: str, deployment: Deployment, since: float, until: float = math.inf) -> str | None:
        """Google's list knows no filter, so it is read to its end; jobs that were discarded are not in it."""
        query = {"pageSize": str(_PAGE)}
        while True:
            page = self._call("GET", f"{self._files.url('batches')}?{urlencode(query)}")
            for operation in page.get("operations", ()):
                if metadata_of(operation).get("displayName") == part_id:
                    return str(operation["name"])
            if not page.get("nextPageToken"):
                return None
            query["pageToken"] = page["nextPageToken"]

    def job(self, job_id: str) -> Job:
        try:
            operation = self._call("GET", self._files.url(job_id))
        except ProviderFailed as refused:
            if not means_gone(refused):
                raise
            return Job(job_id, JobState.FAILED, error=f"{_PROVIDER} does not know the job any more.")
        metadata = metadata_of(operation)
        stats = metadata.get("batchStats")
        return Job(
            job_id,
            state_of(metadata.get("state")),
            count_of(stats, "successfulRequestCount"),
            count_of(stats, "failedRequestCount"),
            outputs_of(job_id, output_of(operation)),
            message_of(operation.get("error")),
        )

    def cancel(self, job_id: str) -> None:
        try:
            self._call("POST", f"{self._files.url(job_id)}:cancel", {})
        except ProviderFailed as refused:
            if not self._has_ended(job_id, refused):
                raise

    def results(self, job: Job) -> Iterator[LineResult]:
        for output in job.outputs:
            yield from self._in_file(output) if output.startswith("files/") else self._inline(output)

    def discard(self, part_id: str, deployment: Deployment, job: Job | None) -> None:
        """Deleting a job does not end it, so one that was not seen at its end is cancelled before.

        Google refuses to delete some of the files that it made; they end by themselves within 48 hours.
        """
        name = job.id if job else self.find(part_id, deployment, 0)
        if name is not None:
            seen = job if job and job.state.ended else self._stopped(name)
            for output in seen.outputs:
                self._delete(output, accept=(400, 403, 404))
            self._delete(name, accept=(404,))
        self._files.delete(self._input(part_id))

    def _stopped(self, job_id: str) -> Job:
        self.cancel(job_id)
        return self.job(job_id)

    def _has_ended(self, job_id: str, refused: ProviderFailed) -> bool:
        return refused.upstream_status in (400, 403, 404, 409) and self.job(job_id).state.ended

    def _in_file(self, output: str) -> Iterator[LineResult]:
        with closing(self._files.content(output)) as pieces:
            for line in objects_in(pieces, self._wire):
                if "key" in line:  # else it cannot be told from others, and so counts as missing
                    yield _result(self.key_of(line), line)

    def _inline(self, job_id: str) -> Iterator[LineResult]:
        """Small batches may be answered within the operation itself, at most 20 MB of it."""
        output = output_of(self._call("GET", self._files.url(job_id)))
        for line in inlined_in(output):
            yield _result(self.key_of(line["metadata"]), line)

    def _input(self, part_id: str) -> str:
        return planned_uri(self._account, part_id)

    def _delete(self, name: str, accept: tuple[int, ...]) -> None:
        self._wire.send("DELETE", self._files.url(name), headers=self._headers(), accept=accept)

    def _call(self, method: str, url: str, content: Json | None = None) -> Json:
        body = None if content is None else json.dumps(content).encode()
        answer: Json = self._wire.call(
            method, url, headers={**self._headers(), "Content-Type": "application/json"}, body=body
        )
        return answer


def _result(key: str, line: Mapping[str, Any]) -> LineResult:
    if "error" in line:
        return refused_line(_PROVIDER, key, line["error"])
    return LineResult(key, 200, line.get("response") or {})
