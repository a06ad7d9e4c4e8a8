"""OpenAI's Batch API, for every adapter whose provider speaks it. Knows paths and fields, no addresses."""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, ClassVar
from urllib.parse import quote

from managed_files.batch_records import CHAT, EMBEDDINGS, RESPONSES, Job, JobOrder, JobState, LineResult
from managed_files.errors import InvalidRequest, ProviderFailed
from managed_files.providers.batches import PATIENCE, BatchApi, json_lines, keyed
from managed_files.providers.openai_files import OpenAIFiles, listed, older
from managed_files.records import Deployment

_NAME = "managed_files_part"  # the key in a job's metadata under which it is found again
_PAGE = {"limit": "100"}
_SHOWN_ERRORS = 3


class OpenAIBatches(BatchApi):
    """POST/GET /batches over a stored input file. Source: OpenAI's API description, /batches, and its batch guide.

    A file holds lines for one model only, each line names it. The outcome is two files: answers in the one, refusals
    and lines that were never asked in the other. A job itself cannot be deleted.
    """

    holds_input = True
    endpoints: ClassVar[tuple[str, ...]] = (CHAT, EMBEDDINGS, RESPONSES)
    paths: ClassVar[Mapping[str, str]] = {}  # endpoints that have another name at this provider

    def __init__(self, files: OpenAIFiles):
        self._files = files
        self._wire = files.wire.within(PATIENCE)

    def line(self, key: str, endpoint: str, body: dict[str, Any], deployment: Deployment) -> dict[str, Any]:
        if body.get("stream"):
            raise InvalidRequest("A line of a batch cannot be streamed; leave 'stream' out.", param="stream")
        return keyed(key, self._path(endpoint), {**body, "model": deployment.model})

    def key_of(self, line: dict[str, Any]) -> str:
        return str(line["custom_id"])

    def create(self, order: JobOrder) -> str:
        content = {
            "input_file_id": order.input_id,
            "endpoint": self._path(order.endpoint),
            "completion_window": self.window(order.window),
            "metadata": {_NAME: order.part_id},
        }
        headers = {**self._files.headers(), "Content-Type": "application/json"}
        answer = self._wire.call("POST", self._files.url("batches"), headers=headers, body=json.dumps(content).encode())
        return self._id(answer)

    def find(self, part_id: str, deployment: Deployment, since: float, until: float = math.inf) -> str | None:
        """Newest first, page after page, until jobs older than `since`."""
        seen: set[str] = set()
        query = dict(_PAGE)
        while True:
            answer = self._get(self._files.url("batches", **query))
            page = [job for job in listed(answer) if job["id"] not in seen]
            found = next((str(job["id"]) for job in page if (job.get("metadata") or {}).get(_NAME) == part_id), None)
            if found or not page or answer.get("has_more") is False or older(page, since):
                return found
            seen.update(job["id"] for job in page)
            query["after"] = page[-1]["id"]

    def job(self, job_id: str) -> Job:
        try:
            answer = self._get(self._job(job_id))
        except ProviderFailed as refused:
            if refused.upstream_status == 404:
                return Job(job_id, JobState.FAILED, error=refused.message)
            raise
        return self._read(answer)

    def cancel(self, job_id: str) -> None:
        """One that has ended is refused, with a 400 or a 409: then its state decides."""
        try:
            self._wire.send("POST", self._job(job_id, "/cancel"), headers=self._files.headers(), accept=(404,))
        except ProviderFailed as refused:
            if refused.upstream_status not in (400, 409) or not self._ends(job_id):
                raise

    def results(self, job: Job) -> Iterator[LineResult]:
        for file_id in job.outputs:
            url = self._files.url(f"files/{quote(file_id, safe='')}/content")
            with closing(self._wire.download(url, headers=self._files.headers())) as pieces:
                yield from map(self._result, json_lines(pieces))

    def discard(self, part_id: str, deployment: Deployment, job: Job | None) -> None:
        if job is not None and not job.state.ended:
            job = self.job(job.id)  # it may have written something since
        for file_id in job.outputs if job else ():
            self._files.delete(file_id)

    def window(self, seconds: int) -> str:
        """OpenAI and Azure know one only. The gateway itself ends what takes longer than the client gave it."""
        return "24h"

    def _path(self, endpoint: str) -> str:
        return self.paths.get(endpoint, endpoint)

    def _job(self, job_id: str, below: str = "") -> str:
        return self._files.url(f"batches/{quote(job_id, safe='')}{below}")

    def _get(self, url: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._wire.call("GET", url, headers=self._files.headers())
        return answer

    def _ends(self, job_id: str) -> bool:
        state = self.job(job_id).state
        return state.ended or state is JobState.CANCELLING

    def _id(self, answer: dict[str, Any]) -> str:
        job_id = answer.get("id")
        if not isinstance(job_id, str):
            raise self._wire.nonsense("a batch object without an id")
        return job_id

    def _read(self, answer: dict[str, Any]) -> Job:
        try:
            state = JobState(str(answer.get("status")))
        except ValueError as unknown:
            raise self._wire.nonsense("an unknown status of a batch") from unknown
        counts = answer.get("request_counts") or {}
        outputs = tuple(answer[name] for name in ("output_file_id", "error_file_id") if answer.get(name))
        error = _error(answer) if state is JobState.FAILED else None
        return Job(self._id(answer), state, counts.get("completed"), counts.get("failed"), outputs, error)

    def _result(self, text: bytes) -> LineResult:
        try:
            line = json.loads(text)
            key, response, error = str(line["custom_id"]), line.get("response"), line.get("error") or {}
            if response:
                return LineResult(key, response["status_code"], response["body"], request_id=response.get("request_id"))
        except (ValueError, KeyError, TypeError, AttributeError) as odd:
            raise self._wire.nonsense("a result that is not a line of a batch") from odd
        return LineResult(key, None, code=error.get("code") or "batch_failed", message=error.get("message"))


def _error(answer: dict[str, Any]) -> str:
    """The first few of `errors.data`, each with its line."""
    found = (answer.get("errors") or {}).get("data") or []
    told = [
        f"line {item['line']}: {item.get('message')}" if item.get("line") else item.get("message") for item in found
    ]
    return "; ".join(str(text) for text in told[:_SHOWN_ERRORS]) or "The provider gave no reason."
