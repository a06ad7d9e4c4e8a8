"""Vertex AI's batch prediction jobs: the routes. Wire facts: aiplatform v1."""

import re
import secrets

from managed_files.sandbox.answers import Json
from managed_files.sandbox.batch_jobs import BatchJobs
from managed_files.sandbox.gcs import Buckets
from managed_files.sandbox.gemini_calls import parsed_body
from managed_files.sandbox.google_batches import page_of
from managed_files.sandbox.google_errors import invalid, refused
from managed_files.sandbox.job_book import JobBook
from managed_files.sandbox.routing import Route
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.vertex import Models
from managed_files.sandbox.vertex_job import OBJECT, PredictionJob
from managed_files.sandbox.wire import Reply, Request, json_reply

PROJECT_NUMBER = "424242424242"  # in the names of jobs, where requests have the project's id
_MODEL = re.compile(r"publishers/google/models/([^/]+)")
_FILTER = re.compile(r'\s*(display_name|state)\s*=\s*"([^"]*)"\s*')


class PredictionJobs(JobBook[PredictionJob]):
    """All jobs of one project, and the handlers of their routes."""

    def __init__(self, project: str, models: Models, buckets: Buckets, shelf: Shelf, jobs: BatchJobs):
        super().__init__(jobs)
        self._projects = (project, PROJECT_NUMBER)
        self._models = models
        self._buckets = buckets
        self._shelf = shelf

    def routes(self, version: str) -> list[Route]:
        base = f"/{version}/projects/{{project}}/locations/{{location}}/batchPredictionJobs"
        return [
            Route("POST", base, self._create),
            Route("GET", base, self._page),
            Route("GET", f"{base}/{{job}}", self._retrieve),
            Route("POST", f"{base}/{{job}}:cancel", self._cancel),
            Route("DELETE", f"{base}/{{job}}", self._delete),
        ]

    def _create(self, request: Request) -> Reply:
        place, spec = self._place(request), _checked(parsed_body(request, "BatchPredictionJob"))
        found = _MODEL.fullmatch(spec["model"])
        if found is None:
            raise invalid(f"Invalid model resource name: {spec['model']}.")
        self._models.check(self._projects[0], request.args["location"], found[1])
        name = f"{place}/{secrets.randbelow(10**18) + 10**18}"
        job = PredictionJob(name, spec, self._models, self._buckets, self._shelf)
        self.note(name, job)
        reply = json_reply(job.resource())
        self.worker.submit(job)
        return reply

    def _page(self, request: Request) -> Reply:
        """Newest first. `filter`: `display_name` and `state` by `=`, joined by AND."""
        place, wanted = self._place(request), _wanted(request.query.get("filter", ""))
        mine = [job for name, job in reversed(list(self.jobs.items())) if name.startswith(f"{place}/")]
        facts = [(job, {"display_name": job.display_name, "state": f"JOB_STATE_{job.state}"}) for job in mine]
        found = [job.resource() for job, known in facts if wanted.items() <= known.items()]
        size, token = request.query.get("pageSize", "100"), request.query.get("pageToken")
        return json_reply(page_of(found, size, token, "batchPredictionJobs"))

    def _retrieve(self, request: Request) -> Reply:
        return json_reply(self._known(request).resource())

    def _cancel(self, request: Request) -> Reply:
        job = self._known(request)
        if job.ended:
            message = f"Cannot cancel a BatchPredictionJob in state JOB_STATE_{job.state}."
            raise refused(400, message, name="FAILED_PRECONDITION")
        job.cancel()
        self.worker.hurry(job)
        return json_reply({})

    def _delete(self, request: Request) -> Reply:
        """A long-running operation, which is done at once."""
        job = self._known(request)
        if not job.ended:
            message = f"Cannot delete a BatchPredictionJob in state JOB_STATE_{job.state}."
            raise refused(400, message, name="FAILED_PRECONDITION")
        self.drop(job.name)
        operation = f"{job.name.rpartition('/batch')[0]}/operations/{secrets.randbelow(10**18)}"
        empty = {"@type": "type.googleapis.com/google.protobuf.Empty"}
        return json_reply({"name": operation, "done": True, "response": empty})

    def _known(self, request: Request) -> PredictionJob:
        name = f"{self._place(request)}/{request.args['job']}"
        job = self.jobs.get(name)
        if job is None:
            raise refused(404, f"The BatchPredictionJob does not exist: {name}")
        return job

    def _place(self, request: Request) -> str:
        """Raises a 403 for another project."""
        project, location = request.args["project"], request.args["location"]
        if project not in self._projects:
            message = f"Permission 'aiplatform.batchPredictionJobs' denied on resource 'projects/{project}'."
            raise refused(403, f"{message[:-1]} (or it may not exist).")
        return f"projects/{PROJECT_NUMBER}/locations/{location}/batchPredictionJobs"


def _checked(spec: Json) -> Json:
    """Raises a 400 for what the create call lacks."""
    source = spec.get("inputConfig", {})
    target = spec.get("outputConfig", {})
    uris = source.get("gcsSource", {}).get("uris", [])
    prefix = target.get("gcsDestination", {}).get("outputUriPrefix", "")
    complaints = {
        "display_name": not 1 <= len(spec.get("displayName", "")) <= 128,
        "model": not spec.get("model"),
        "input_config.instances_format": source.get("instancesFormat") != "jsonl",
        "input_config.gcs_source.uris": len(uris) != 1 or not OBJECT.fullmatch(uris[0]),
        "output_config.predictions_format": target.get("predictionsFormat") != "jsonl",
        "output_config.gcs_destination.output_uri_prefix": not prefix.startswith("gs://"),
    }
    for field, wrong in complaints.items():
        if wrong:
            raise invalid(f"BatchPredictionJob.{field} is missing or invalid.")
    return spec


def _wanted(text: str) -> dict[str, str]:
    """Raises a 400 for a filter that this stand-in cannot read."""
    found = [_FILTER.fullmatch(term) for term in text.split(" AND ")] if text else []
    if not all(found):
        raise invalid(f"Invalid filter: {text}")
    return {term[1]: term[2] for term in found if term}
