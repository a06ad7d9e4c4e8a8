"""Mistral's batch jobs: create, list, retrieve, cancel, delete. Wire facts: Mistral's API description, its SDK 3.7."""

from datetime import datetime

from managed_files.sandbox.answers import Json
from managed_files.sandbox.batch_jobs import BatchJobs
from managed_files.sandbox.job_book import JobBook
from managed_files.sandbox.mistral_batch import Ask, BatchJob
from managed_files.sandbox.mistral_chat import read_object
from managed_files.sandbox.mistral_errors import bad, flat, invalid, no_such_file
from managed_files.sandbox.mistral_files import MistralFiles, count_in
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

ENDPOINTS = ("/v1/chat/completions", "/v1/embeddings")
_TYPES: dict[str, tuple[type, ...]] = {
    "endpoint": (str,),
    "model": (str,),
    "input_files": (list,),
    "metadata": (dict,),
    "timeout_hours": (int,),
}
_LONGEST = 168


class MistralJobs(JobBook[BatchJob]):
    """All jobs of all workspaces, and their handlers. Inline requests are not part of this stand-in."""

    def __init__(self, models: tuple[str, ...], files: MistralFiles, shelf: Shelf, jobs: BatchJobs, ask: Ask):
        super().__init__(jobs)
        self._models = models
        self._files = files
        self._shelf = shelf
        self._ask = ask

    # Handlers

    def create(self, request: Request, workspace: str) -> Reply:
        spec = _checked(request)
        if spec["model"] not in self._models:
            raise bad(f"Invalid model: {spec['model']}", kind="invalid_model", code="1500")
        for file_id in spec["input_files"]:
            file = self._files.get(workspace, file_id)
            if file is None:
                raise no_such_file(file_id)
            if file.purpose != "batch":
                raise bad(f"File {file_id} has the purpose {file.purpose}, not batch.")
        job = BatchJob(workspace, spec, self._files, self._shelf, self._ask)
        self.note(job.id, job)
        reply = json_reply(job.public())
        self.worker.submit(job)
        return reply

    def page(self, request: Request, workspace: str) -> Reply:
        """Honours `page` (from 0), `page_size` (default 100), `status`, `created_after`; newest first."""
        wanted = (request.query.get("status"), _moment(request.query.get("created_after")))
        mine = [job for job in reversed(list(self.jobs.values())) if job.workspace == workspace]
        found = [job for job in mine if wanted[0] in (None, job.status) and job.created_at >= wanted[1]]
        size, number = count_in(request, "page_size", 100, least=1), count_in(request, "page", 0, least=0)
        data = [job.public() for job in found[number * size : (number + 1) * size]]
        return json_reply({"data": data, "object": "list", "total": len(found)})

    def retrieve(self, request: Request, workspace: str) -> Reply:
        return json_reply(self._known(request, workspace).public())

    def cancel(self, request: Request, workspace: str) -> Reply:
        job = self._known(request, workspace)
        if not job.cancel():
            raise bad(f"Job {job.id} has the status {job.status} and cannot be cancelled.")
        reply = json_reply(job.public())
        self.worker.hurry(job)
        return reply

    def delete(self, request: Request, workspace: str) -> Reply:
        job = self._known(request, workspace)
        if not job.ended:
            raise bad(f"Job {job.id} has the status {job.status} and cannot be deleted.")
        self.drop(job.id)
        return json_reply({"id": job.id, "object": "batch", "deleted": True})

    def _known(self, request: Request, workspace: str) -> BatchJob:
        job = self.jobs.get(request.args["id"])
        if job is None or job.workspace != workspace:
            raise Refused(flat(404, f"Job {request.args['id']} not found."))
        return job


def _checked(request: Request) -> Json:
    """CreateBatchJobRequest. Raises a 422 that names the place."""
    spec = read_object(request)
    for name in ("endpoint", "model", "input_files"):
        if not spec.get(name):
            raise invalid(("body", name), "Field required", "missing")
    for name, value in spec.items():
        if name not in _TYPES:
            raise invalid(("body", name), "Extra inputs are not permitted", "extra_forbidden")
        if value is not None and not isinstance(value, _TYPES[name]):
            raise invalid(("body", name), f"Input should be a valid {_TYPES[name][0].__name__}")
    if spec["endpoint"] not in ENDPOINTS:
        raise invalid(("body", "endpoint"), f"Input should be one of {ENDPOINTS}", "enum")
    if not 1 <= spec.get("timeout_hours", 24) <= _LONGEST:
        raise invalid(("body", "timeout_hours"), f"Input should be between 1 and {_LONGEST}")
    if not all(isinstance(value, str) for value in (spec.get("metadata") or {}).values()):
        raise invalid(("body", "metadata"), "Input should be a valid string", "string_type")
    return spec


def _moment(text: str | None) -> float:
    try:
        return datetime.fromisoformat(text).timestamp() if text else 0
    except ValueError as error:
        raise invalid(("query", "created_after"), "Input should be a valid datetime", "datetime_parsing") from error
