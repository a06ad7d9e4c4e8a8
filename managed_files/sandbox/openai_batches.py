"""OpenAI's Batch API: create, retrieve, list, cancel. Wire facts: OpenAI's API description and its public errors."""

import re
from typing import Any

from managed_files.sandbox.answers import Json
from managed_files.sandbox.batch_jobs import BatchJobs
from managed_files.sandbox.job_book import JobBook
from managed_files.sandbox.openai_batch_job import BatchJob, Rules
from managed_files.sandbox.openai_errors import bad, envelope
from managed_files.sandbox.openai_files import FileStore
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

_FIELDS = {"input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"}
_REQUIRED = ("input_file_id", "endpoint", "completion_window")
_DAY = 86_400
_SECONDS = {"h": 3600, "d": _DAY}
_USUAL_LIFE = 30 * _DAY


class BatchDesk(JobBook[BatchJob]):
    """All batches of all projects, and the batch routes' handlers. Safe from any thread."""

    def __init__(self, store: FileStore, jobs: BatchJobs, rules: Rules):
        super().__init__(jobs)
        self._store = store
        self._rules = rules

    # Handlers

    def create(self, request: Request, project: str) -> Reply:
        job = self._ordered(_object(request), project)
        self.note(job.id, job)
        answer = job.public()
        self.worker.submit(job)
        return json_reply(answer)

    def retrieve(self, request: Request, project: str) -> Reply:
        return json_reply(self._known(request.args["id"], project).public())

    def cancel(self, request: Request, project: str) -> Reply:
        job = self._known(request.args["id"], project)
        if not job.cancel():
            raise Refused(envelope(409, f"Cannot cancel a batch with status '{job.status}'."))
        answer = job.public()
        self.worker.hurry(job)
        return json_reply(answer)

    def page(self, request: Request, project: str) -> Reply:
        """Newest first. Honours `limit` (1 to 100, default 20) and `after`."""
        jobs = [job for job in self.jobs.values() if job.project == project][::-1]
        if after := request.query.get("after"):
            jobs = jobs[jobs.index(self._known(after, project)) + 1 :]
        limit = _limit(request.query.get("limit", "20"))
        data = [job.public() for job in jobs[:limit]]
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        more = len(jobs) > limit
        return json_reply({"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": more})

    def _known(self, job_id: str, project: str) -> BatchJob:
        job = self.jobs.get(job_id)
        if job is None or job.project != project:
            raise Refused(envelope(404, f"No batch found with id '{job_id}'."))
        return job

    def _ordered(self, body: Json, project: str) -> BatchJob:
        for extra in body.keys() - _FIELDS:
            raise bad(f"Unknown parameter: '{extra}'.", param=extra, code="unknown_parameter")
        for name in _REQUIRED:
            if not isinstance(body.get(name), str):
                raise bad(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
        return BatchJob(
            project=project,
            input_id=body["input_file_id"],
            endpoint=self._endpoint(body["endpoint"]),
            window=body["completion_window"],
            seconds=self._window(body["completion_window"]),
            metadata=_metadata(body.get("metadata")),
            life=_life(body.get("output_expires_after")),
            store=self._store,
            rules=self._rules,
        )

    def _endpoint(self, endpoint: str) -> str:
        if endpoint not in self._rules.handlers:
            supported = ", ".join(f"'{name}'" for name in self._rules.handlers)
            message = f"Invalid value: '{endpoint}'. Supported values are: {supported}."
            raise bad(message, param="endpoint", code="invalid_value")
        return endpoint

    def _window(self, text: str) -> int:
        found = re.fullmatch(r"([1-9]\d{0,2})([hd])", text)
        seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
        if not _DAY <= seconds <= self._rules.longest_window:
            message = f"Invalid value: '{text}'. Supported values are: '24h'."
            raise bad(message, param="completion_window", code="invalid_value")
        return seconds


def _object(request: Request) -> Json:
    try:
        body = request.body.json()
    except ValueError as error:
        raise bad("We could not parse the JSON body of your request.") from error
    if not isinstance(body, dict):
        raise bad("We could not parse the JSON body of your request.")
    return body


def _limit(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise bad(f"Invalid 'limit': expected an integer from 1 to 100, but got {text} instead.", param="limit")
    return int(text)


def _metadata(given: Any) -> Json | None:
    """At most 16 pairs of texts, 64 and 512 letters long. Raises a 400."""
    if given is None:
        return None
    fits = isinstance(given, dict) and len(given) <= 16
    if not fits or any(len(key) > 64 or not isinstance(text, str) or len(text) > 512 for key, text in given.items()):
        raise bad("Invalid 'metadata': expected an object of at most 16 short strings.", param="metadata")
    return dict(given)


def _life(given: Any) -> int:
    """Seconds that the results live: as asked, else 30 days. Raises a 400."""
    if given is None:
        return _USUAL_LIFE
    seconds = given.get("seconds") if isinstance(given, dict) and given.get("anchor") == "created_at" else None
    if not isinstance(seconds, int) or not 3600 <= seconds <= _USUAL_LIFE:
        message = "Invalid 'output_expires_after': expected created_at and 3600 to 2592000 seconds."
        raise bad(message, param="output_expires_after")
    return seconds
