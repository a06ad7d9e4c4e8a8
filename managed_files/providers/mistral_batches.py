"""Mistral's batch jobs: one model's lines from a stored file, answers and refusals in two others.

Source: Mistral's API description (/v1/batch/jobs) and its Python SDK 3.7, which reads the lines of both files.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import count
from typing import Any
from urllib.parse import quote

from managed_files.batch_records import CHAT, EMBEDDINGS, Job, JobOrder, JobState, LineResult
from managed_files.errors import InvalidRequest, ProviderFailed
from managed_files.providers.batches import PATIENCE, BatchApi, refused, results_in
from managed_files.providers.failures import refusal
from managed_files.providers.wire import Wire
from managed_files.records import Deployment

_PROVIDER = "mistral"
_LABEL = "managed_files_part"
_PAGE = 100
_HOUR = 3600
_LONGEST = 168  # hours
_STATES = {
    "QUEUED": JobState.VALIDATING,
    "RUNNING": JobState.IN_PROGRESS,
    "SUCCESS": JobState.COMPLETED,
    "FAILED": JobState.FAILED,
    "TIMEOUT_EXCEEDED": JobState.EXPIRED,
    "CANCELLATION_REQUESTED": JobState.CANCELLING,
    "CANCELLED": JobState.CANCELLED,
}

Json = dict[str, Any]


class MistralBatches(BatchApi):
    """The model belongs to the job. A job is found again by its metadata, which holds the part's name."""

    holds_input = True
    endpoints = (CHAT, EMBEDDINGS)

    def __init__(self, wire: Wire, url: Callable[..., str], headers: Callable[[], dict[str, str]]):
        """`url` gives the address of a path below the API's base, with a query as keywords."""
        self._wire = wire.within(PATIENCE)
        self._url = url
        self._headers = headers

    def line(self, key: str, endpoint: str, body: Json, deployment: Deployment) -> Json:
        """A line has neither address nor model."""
        if body.get("stream"):
            raise InvalidRequest("Mistral's batches do not stream. Leave `stream` out.", param="stream")
        return {"custom_id": key, "body": {name: value for name, value in body.items() if name != "model"}}

    def key_of(self, line: Json) -> str:
        return str(line["custom_id"])

    def create(self, order: JobOrder) -> str:
        wanted = {
            "endpoint": order.endpoint,
            "model": order.deployment.model,
            "input_files": [order.input_id],
            "metadata": {_LABEL: order.part_id},
            "timeout_hours": min(max(-(-order.window // _HOUR), 1), _LONGEST),
        }
        headers = {**self._headers(), "Content-Type": "application/json"}
        made = self._wire.call("POST", self._url("batch/jobs"), headers=headers, body=json.dumps(wanted).encode())
        if not isinstance(made.get("id"), str):
            raise self._wire.nonsense("a batch job without an id")
        return str(made["id"])

    def find(self, part_id: str, deployment: Deployment, since: float, until: float = math.inf) -> str | None:
        """Newest first, until jobs older than `since`. No answer says which page is the last: an empty one is."""
        for number in count():
            url = self._url("batch/jobs", page=str(number), page_size=str(_PAGE))
            jobs = self._wire.call("GET", url, headers=self._headers()).get("data") or ()
            for job in jobs:
                if (job.get("metadata") or {}).get(_LABEL) == part_id:
                    return str(job["id"])
            if not jobs or jobs[-1]["created_at"] < since:
                break
        return None

    def job(self, job_id: str) -> Job:
        try:
            job = self._wire.call("GET", self._job(job_id), headers=self._headers())
        except ProviderFailed as failure:
            if failure.upstream_status != 404:
                raise
            return Job(job_id, JobState.FAILED, error=f"{_PROVIDER} does not know the job any more.")
        return Job(
            job_id,
            _STATES.get(job.get("status"), JobState.IN_PROGRESS),
            job.get("succeeded_requests"),
            job.get("failed_requests"),
            tuple(str(job[name]) for name in ("output_file", "error_file") if job.get(name)),
            "; ".join(error["message"] for error in job.get("errors") or ()) or None,
        )

    def cancel(self, job_id: str) -> None:
        try:
            self._wire.send("POST", self._job(job_id, "/cancel"), headers=self._headers(), accept=(404,))
        except ProviderFailed as failure:
            if failure.upstream_status not in (400, 409, 422) or not self.job(job_id).state.ended:
                raise

    def results(self, job: Job) -> Iterator[LineResult]:
        for output in job.outputs:
            with closing(self._wire.download(self._file(output, "/content"), headers=self._headers())) as pieces:
                yield from results_in(pieces, self._wire, _result)

    def discard(self, part_id: str, deployment: Deployment, job: Job | None) -> None:
        """A job that has not ended cannot be deleted: it is cancelled, for the next time."""
        name = job.id if job else self.find(part_id, deployment, 0)
        if name is None:
            return
        for output in self.job(name).outputs or (job.outputs if job else ()):
            self._wire.send("DELETE", self._file(output), headers=self._headers(), accept=(404,))
        try:
            self._wire.send("DELETE", self._job(name), headers=self._headers(), accept=(404,))
        except ProviderFailed as failure:
            if failure.upstream_status in (400, 409, 422):
                self.cancel(name)
                failure.retryable = True
            raise

    def _job(self, job_id: str, below: str = "") -> str:
        return self._url(f"batch/jobs/{quote(job_id, safe='')}{below}")

    def _file(self, file_id: str, below: str = "") -> str:
        return self._url(f"files/{quote(file_id, safe='')}{below}")


def _result(line: Mapping[str, Any]) -> LineResult:
    """A refusal is in the response's body or in `error`, as an object or as a text."""
    response, error = line.get("response") or {}, line.get("error")
    status, body = response.get("status_code"), response.get("body")
    if status == 200 and error is None and isinstance(body, dict):
        return LineResult(line["custom_id"], 200, body)
    said = body or error or "no reason given"
    text = said if isinstance(said, str) else json.dumps(said)
    refused_with = status if isinstance(status, int) and status >= 400 else 500
    return refused(line["custom_id"], refusal(_PROVIDER, refused_with, {}, text.encode()))
