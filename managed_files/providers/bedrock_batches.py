"""Bedrock's model invocation jobs, which read from S3 and write to S3. Knows their calls and where they write.

Source: botocore's service model of bedrock (2023-04-20) and AWS's guide to batch inference.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from managed_files.batch_records import Job, JobOrder, JobState, LineResult
from managed_files.errors import ProviderFailed
from managed_files.providers.aws_credentials import AwsCredentials, domain
from managed_files.providers.batches import PATIENCE, BatchApi, results_in
from managed_files.providers.bedrock_jobs import PROVIDER, job_of, path_of, region_of, result_of
from managed_files.providers.s3 import Bucket
from managed_files.providers.s3_listing import below
from managed_files.providers.wire import Wire
from managed_files.records import Deployment

_FOLDER = "batches"
_HOUR = 3600
_SHORTEST, _LONGEST = 24, 168  # hours

Json = dict[str, Any]


class BedrockBatches(BatchApi):
    """One model's jobs each, of Converse requests. A job's id is its ARN, which tells its region.

    AWS runs them in a service role that reads the input and writes below `<prefix>/batches/<part id>/` of the account's
    bucket, or of the one for outputs. Creation is idempotent under the part's name. A job cannot be deleted, what it
    wrote can.
    """

    holds_input = True

    def __init__(
        self,
        params: Mapping[str, Any],
        wire: Wire,
        credentials: AwsCredentials,
        bucket: Callable[[], Bucket],
        place: Callable[[Deployment], tuple[str, str]],
    ):
        """`bucket`: for outputs; raises ProviderFailed without one. `place`: a deployment's region and model id."""
        self._params = params
        self._wire = wire.within(PATIENCE)
        self._credentials = credentials
        self._bucket = bucket
        self._place = place

    def line(self, key: str, endpoint: str, body: Json, deployment: Deployment) -> Json:
        return {"recordId": key, "modelInput": body}

    def key_of(self, line: Json) -> str:
        return str(line["recordId"])

    def create(self, order: JobOrder) -> str:
        region, model = self._place(order.deployment)
        wanted = {
            "jobName": order.part_id,
            "clientRequestToken": order.part_id,
            "roleArn": _role(order.deployment),
            "modelId": model,
            "modelInvocationType": "Converse",
            "inputDataConfig": {"s3InputDataConfig": {"s3InputFormat": "JSONL", "s3Uri": order.input_id}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": self._folder(order.part_id), **self._encryption()}},
            "timeoutDurationInHours": min(max(-(-order.window // _HOUR), _SHORTEST), _LONGEST),
        }
        arn = str(self._call(region, "POST", "model-invocation-job", json.dumps(wanted).encode()).get("jobArn"))
        region_of(arn)
        return arn

    def find(self, part_id: str, deployment: Deployment, since: float, until: float = math.inf) -> str | None:
        region, _ = self._place(deployment)
        moment = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        query = {"nameContains": part_id, "submitTimeAfter": moment}
        while True:
            page = self._call(region, "GET", f"model-invocation-jobs?{urlencode(query, quote_via=quote, safe='')}")
            for job in page.get("invocationJobSummaries") or ():
                if job["jobName"] == part_id:
                    return str(job["jobArn"])
            if not page.get("nextToken"):
                return None
            query["nextToken"] = page["nextToken"]

    def job(self, job_id: str) -> Job:
        try:
            return job_of(job_id, self._call(region_of(job_id), "GET", path_of(job_id)))
        except ProviderFailed as failure:
            if failure.upstream_status != 404:
                raise
            return Job(job_id, JobState.FAILED, error=f"{PROVIDER} does not know the job any more.")

    def cancel(self, job_id: str) -> None:
        """For a job that stops already, or has ended, AWS answers with a conflict."""
        try:
            self._call(region_of(job_id), "POST", f"{path_of(job_id)}/stop", b"")
        except ProviderFailed as failure:
            if failure.upstream_status not in (400, 404, 409) or not _ends(self.job(job_id)):
                raise

    def results(self, job: Job) -> Iterator[LineResult]:
        """A job that ended before it answered anything has written nothing."""
        for uri in job.outputs:
            try:
                content = self._bucket().content(uri)
            except ProviderFailed as failure:
                if failure.upstream_status == 404:
                    continue
                raise
            with closing(content) as pieces:
                yield from results_in(pieces, self._wire, result_of)

    def discard(self, part_id: str, deployment: Deployment, job: Job | None) -> None:
        """A job that was not seen at its end has to stop first, for it would write again.

        What it wrote is where it was told to write, whatever the configuration says by now.
        """
        name = job.id if job else self.find(part_id, deployment, 0)
        if name is not None and not (job and job.state.ended):
            self.cancel(name)
            if not self.job(name).state.ended:
                raise ProviderFailed(PROVIDER, f"{PROVIDER}: the job still stops, and may write.", retryable=True)
        written = (f"{uri.rsplit('/', 2)[0]}/" for uri in (job.outputs if job else ()))
        bucket = self._bucket()
        for folder in {self._folder(part_id), *written}:
            for uri in below(bucket, folder):
                bucket.delete(uri)

    def _encryption(self) -> Json:
        key = self._params.get("s3_encryption_key_id")
        return {"s3EncryptionKeyId": key} if key else {}

    def _folder(self, part_id: str) -> str:
        return f"{self._bucket().uri(_FOLDER, part_id)}/"

    def _call(self, region: str, method: str, path: str, body: bytes | None = None) -> Any:
        """Signed, or with the account's API key."""
        base = self._params.get("aws_bedrock_endpoint") or f"https://bedrock.{region}.{domain(region)}"
        url, headers = f"{base.rstrip('/')}/{path}", {"Content-Type": "application/json"}
        if key := self._params.get("api_key"):
            headers["Authorization"] = f"Bearer {key}"
        else:
            headers = self._credentials.api("bedrock", region, url, headers, body or b"", method=method)
        return self._wire.call(method, url, headers=headers, body=body)


def _role(deployment: Deployment) -> str:
    if role := deployment.params.get("aws_batch_role_arn"):
        return str(role)
    message = (
        f"{PROVIDER}: no service role for batches. Set aws_batch_role_arn in the entry of {deployment.model_group}, or "
        "AWS_BATCH_ROLE_ARN, to a role that Bedrock may assume and that reads and writes the bucket."
    )
    raise ProviderFailed(PROVIDER, message, upstream_status=400, param="model")


def _ends(job: Job) -> bool:
    return job.state.ended or job.state is JobState.CANCELLING
