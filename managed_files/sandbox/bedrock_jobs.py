"""Bedrock's model invocation jobs: create, list, retrieve, stop. Source: the service model of bedrock (2023-04-20)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from managed_files.sandbox.answers import Json
from managed_files.sandbox.batch_jobs import BatchJobs
from managed_files.sandbox.bedrock_errors import bedrock_error, invalid
from managed_files.sandbox.bedrock_job import Converse, InvocationJob
from managed_files.sandbox.bedrock_schema import check_shape
from managed_files.sandbox.job_book import JobBook
from managed_files.sandbox.routing import Handler, Route
from managed_files.sandbox.s3 import S3Buckets
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

Control = Callable[[Request, Json], Reply]  # a request and its JSON body to an answer
_IDEMPOTENT = ("jobName", "modelId", "roleArn", "inputDataConfig", "outputDataConfig")


class InvocationJobs(JobBook[InvocationJob]):
    """The jobs of one account in one region, whose `role` alone Bedrock may assume. `least`: records of an input.

    `page_size`: what a page of the list holds at most, whatever is asked for.
    """

    page_size = 1000

    def __init__(self, place: str, role: str, buckets: S3Buckets, jobs: BatchJobs, converse: Converse, least: int):
        super().__init__(jobs)
        self._place = place
        self._role = role
        self._buckets = buckets
        self._converse = converse
        self._least = least

    def routes(self, guarded: Callable[[Control], Handler]) -> list[Route]:
        """`guarded` checks who asks, and reads the body."""
        return [
            Route("POST", "/model-invocation-job", guarded(self._create)),
            Route("GET", "/model-invocation-jobs", guarded(self._page)),
            Route("GET", "/model-invocation-job/{id}", guarded(self._retrieve)),
            Route("POST", "/model-invocation-job/{id}/stop", guarded(self._stop)),
        ]

    def _create(self, request: Request, spec: Json) -> Reply:
        """The same token with the same order is the same job."""
        check_shape(spec, "bedrock", "CreateModelInvocationJob")
        if spec["roleArn"] != self._role:
            raise invalid(f"Could not assume provided IAM role: {spec['roleArn']}.")
        job = InvocationJob(spec, self._place, self._buckets, self._converse, self._least)
        with self._lock:
            if earlier := self._earlier(spec):
                return json_reply({"jobArn": earlier.arn})
            self._jobs[job.arn] = job
        self.worker.submit(job)
        return json_reply({"jobArn": job.arn})

    def _earlier(self, spec: Json) -> InvocationJob | None:
        token = spec.get("clientRequestToken")
        for job in self._jobs.values():
            if token is not None and job.spec.get("clientRequestToken") == token:
                if any(job.spec.get(name) != spec.get(name) for name in _IDEMPOTENT):
                    raise _conflict("The client request token was used for another job.")
                return job
        return None

    def _page(self, request: Request, body: Json) -> Reply:
        """Honours `nameContains`, `statusEquals`, `submitTimeAfter`, `sortOrder`, `maxResults` and `nextToken`."""
        query = request.query
        size, start = query.get("maxResults", "100"), query.get("nextToken", "0")
        if not size.isdigit() or not 1 <= int(size) <= 1000 or not start.isdigit():
            raise invalid("maxResults or nextToken is not valid.")
        found = [job for job in self.jobs.values() if _wanted(job, query)]
        if query.get("sortOrder", "Descending") == "Descending":
            found.reverse()
        stop = int(start) + min(int(size), self.page_size)
        summaries = [job.public() for job in found[int(start) : stop]]
        return json_reply(
            {"invocationJobSummaries": summaries, **({"nextToken": str(stop)} if stop < len(found) else {})}
        )

    def _retrieve(self, request: Request, body: Json) -> Reply:
        return json_reply(self._known(request).public())

    def _stop(self, request: Request, body: Json) -> Reply:
        job = self._known(request)
        if not job.stop():
            raise _conflict(f"The job is in the state {job.status} and cannot be stopped.")
        self.worker.hurry(job)
        return json_reply({})

    def _known(self, request: Request) -> InvocationJob:
        """By its ARN, or the end of it."""
        wanted = request.args["id"]
        for arn, job in self.jobs.items():
            if wanted in (arn, job.id):
                return job
        raise Refused(bedrock_error(404, f"The requested job {wanted} was not found."))


def _wanted(job: InvocationJob, query: Mapping[str, str]) -> bool:
    after = datetime.fromisoformat(query.get("submitTimeAfter", "1970-01-01T00:00:00Z")).astimezone(UTC)
    status = query.get("statusEquals", job.status)
    return query.get("nameContains", "") in job.name and job.status == status and job.submitted > after


def _conflict(message: str) -> Refused:
    return Refused(bedrock_error(400, message, "ConflictException"))
