"""Vertex AI's batch prediction jobs, which read from and write to Cloud Storage. Source: aiplatform v1, its docs."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

from managed_files.batch_records import BatchLimits, Job, JobOrder, JobState, LineResult
from managed_files.errors import InvalidRequest, ProviderFailed
from managed_files.providers.batches import PATIENCE, BatchApi
from managed_files.providers.gcs import Bucket
from managed_files.providers.google_batches import count_of, message_of, objects_in, refused_line, state_of
from managed_files.providers.google_credentials import GoogleCredentials
from managed_files.providers.vertex_places import place_of, url_of
from managed_files.providers.wire import Wire
from managed_files.records import Deployment

_PROVIDER = "vertex_ai"
_KEY = "managed_files_line"
_MOST_LABELS = 64
_PAGE = 100
_FOLDER = "batches"


class VertexBatches(BatchApi):
    """One model's jobs each. A job's output is a folder of ours, named by the part.

    Gemini's answers come back without the line's own id and in any order, but each one with an echo of its request:
    so the key travels as a label of the request. The limits are Google's for Gemini's batches in Cloud Storage.
    """

    holds_input = True
    limits = BatchLimits(lines=200_000, bytes=1_000_000_000)

    def __init__(
        self, params: Mapping[str, Any], wire: Wire, bucket: Callable[[], Bucket], credentials: GoogleCredentials
    ):
        self._params = params
        self._wire = wire.within(PATIENCE)
        self._bucket = bucket
        self._credentials = credentials

    def line(self, key: str, endpoint: str, body: dict[str, Any], deployment: Deployment) -> dict[str, Any]:
        if deployment.model.isdigit():
            raise InvalidRequest("Vertex AI takes no batches for a tuned model's endpoint.", param="model")
        labels = body.get("labels") or {}
        if _KEY in labels or len(labels) >= _MOST_LABELS:
            message = f"One of the {_MOST_LABELS} labels of a batch's line has to be left free: {_KEY}."
            raise InvalidRequest(message, param="metadata")
        return {"request": {**body, "labels": {**labels, _KEY: key}}}

    def key_of(self, line: dict[str, Any]) -> str:
        return str(line["request"]["labels"][_KEY])

    def create(self, order: JobOrder) -> str:
        job = {
            "displayName": order.part_id,
            "model": f"publishers/google/models/{order.deployment.model}",
            "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": [order.input_id]}},
            "outputConfig": {
                "predictionsFormat": "jsonl",
                "gcsDestination": {"outputUriPrefix": self._folder(order.part_id)},
            },
        }
        return self._name(self._call("POST", self._jobs(order.deployment), json.dumps(job).encode()))

    def find(self, part_id: str, deployment: Deployment, since: float, until: float = math.inf) -> str | None:
        query = {"filter": f'display_name="{part_id}"', "pageSize": _PAGE}
        page = self._call("GET", f"{self._jobs(deployment)}?{urlencode(query)}")
        found = [job for job in page.get("batchPredictionJobs", ()) if job.get("displayName") == part_id]
        return self._name(found[0]) if found else None

    def job(self, job_id: str) -> Job:
        try:
            job = self._call("GET", url_of(job_id, self._params))
        except ProviderFailed as refused:
            if refused.upstream_status != 404:
                raise
            return Job(job_id, JobState.FAILED, error=f"{_PROVIDER} does not know the job any more.")
        stats, output = job.get("completionStats"), job.get("outputInfo") or {}
        return Job(
            job_id,
            state_of(job.get("state")),
            count_of(stats, "successfulCount"),
            count_of(stats, "failedCount"),
            (output["gcsOutputDirectory"],) if "gcsOutputDirectory" in output else (),
            message_of(job.get("error")),
        )

    def cancel(self, job_id: str) -> None:
        try:
            self._call("POST", f"{url_of(job_id, self._params)}:cancel", b"{}")
        except ProviderFailed as refused:
            if refused.upstream_status not in (400, 404, 409) or not self.job(job_id).state.ended:
                raise

    def results(self, job: Job) -> Iterator[LineResult]:
        """Output may be split into any number of objects; what a job wrote while it ran lies below a folder more."""
        for folder in job.outputs:
            for uri in self._bucket().below(folder):
                name = uri.removeprefix(f"{folder.rstrip('/')}/")
                if name.startswith("predictions"):
                    yield from self._results_in(uri)

    def discard(self, part_id: str, deployment: Deployment, job: Job | None) -> None:
        """The job comes first, for one that still runs would write again."""
        name = job.id if job else self.find(part_id, deployment, 0)
        if name is not None:
            self._delete(name)
        for uri in self._bucket().below(self._folder(part_id)):
            self._bucket().delete(uri)

    def _delete(self, job_id: str) -> None:
        """Only a job that has ended can be deleted: one that has not is asked to end, for the next time."""
        try:
            self._wire.send("DELETE", url_of(job_id, self._params), headers=self._headers(), accept=(404,))
        except ProviderFailed as refused:
            if refused.upstream_status == 400:
                self.cancel(job_id)
                refused.retryable = True
            raise

    def _results_in(self, uri: str) -> Iterator[LineResult]:
        """A line without our label cannot be told from others, and so counts as missing."""
        with closing(self._bucket().content(uri)) as pieces:
            for line in objects_in(pieces, self._wire):
                labels = (line.get("request") or {}).get("labels") or {}
                if _KEY in labels:
                    yield _result(labels[_KEY], line)

    def _folder(self, part_id: str) -> str:
        return self._bucket().uri(_FOLDER, part_id)

    def _jobs(self, deployment: Deployment) -> str:
        place = place_of(deployment, self._credentials.project)
        return url_of(f"{place}/batchPredictionJobs", deployment.params)

    def _name(self, job: Mapping[str, Any]) -> str:
        name = job.get("name")
        if not isinstance(name, str) or name.count("/") != 5:
            raise self._wire.nonsense("a job without a name")
        return name

    def _call(self, method: str, url: str, body: bytes | None = None) -> Any:
        return self._wire.call(method, url, headers=self._headers(), body=body)

    def _headers(self) -> dict[str, str]:
        return {**self._credentials.headers(), "Content-Type": "application/json"}


def _result(key: str, line: Mapping[str, Any]) -> LineResult:
    """`status` is empty for an answer; else it is words, mostly with the refusal's JSON behind them."""
    status = str(line.get("status") or "")
    if not status:
        return LineResult(key, 200, line.get("response") or {})
    try:
        error = json.loads(status[status.index("{") :])["error"]
    except (ValueError, KeyError, TypeError):
        error = None
    return refused_line(_PROVIDER, key, error if isinstance(error, dict) else status)
