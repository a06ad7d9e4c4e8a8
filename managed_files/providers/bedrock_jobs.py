"""What AWS says of a model invocation job and of each of its records, in our words. Pure.

Source: botocore's service model of bedrock (2023-04-20) and AWS's guide "View the results of a batch inference job".
"""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from managed_files.batch_records import Job, JobState, LineResult
from managed_files.errors import ProviderFailed
from managed_files.providers.batches import refused
from managed_files.providers.failures import refusal

PROVIDER = "bedrock"
_ARN = re.compile(r"arn:aws[a-z-]*:bedrock:(?P<region>[a-z0-9-]+):\d*:model-invocation-job/(?P<name>\w+)")
_STATES = {
    "Submitted": JobState.VALIDATING,
    "Validating": JobState.VALIDATING,
    "Scheduled": JobState.VALIDATING,
    "InProgress": JobState.IN_PROGRESS,
    "Completed": JobState.COMPLETED,
    "PartiallyCompleted": JobState.EXPIRED,  # "not all of your records could be processed in time"
    "Failed": JobState.FAILED,
    "Stopping": JobState.CANCELLING,
    "Stopped": JobState.CANCELLED,
    "Expired": JobState.EXPIRED,
}


def region_of(arn: str) -> str:
    """The region of a job. Raises ProviderFailed for what is no job's ARN."""
    return _parsed(arn)["region"]


def path_of(arn: str) -> str:
    """A job's path; the whole ARN is one segment."""
    return f"model-invocation-job/{quote(arn, safe='')}"


def job_of(arn: str, told: Mapping[str, Any]) -> Job:
    """`outputs`: where the answers are, if there are any, once it has ended."""
    state = _STATES.get(str(told.get("status")), JobState.IN_PROGRESS)
    return Job(
        arn,
        state,
        told.get("successRecordCount"),
        told.get("errorRecordCount"),
        (_output(arn, told),) if state.ended else (),
        told.get("message") if state is JobState.FAILED else None,
    )


def result_of(record: Mapping[str, Any]) -> LineResult:
    """A record has its `modelOutput` or an `error`."""
    key = str(record["recordId"])
    if isinstance(record.get("modelOutput"), dict) and "error" not in record:
        return LineResult(key, 200, record["modelOutput"])
    error = record.get("error") or {}
    code = str(error.get("errorCode"))
    status = int(code) if code.isdecimal() and 400 <= int(code) < 600 else 500
    said = {"message": str(error.get("errorMessage") or "no reason given")}
    return refused(key, refusal(PROVIDER, status, {}, json.dumps(said).encode()))


def _output(arn: str, told: Mapping[str, Any]) -> str:
    """Below a folder with the job's own name lies a file with the input's name."""
    folder = told["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"].rstrip("/")
    written = told["inputDataConfig"]["s3InputDataConfig"]["s3Uri"].rpartition("/")[2]
    return f"{folder}/{_parsed(arn)['name']}/{written}.out"


def _parsed(arn: str) -> re.Match[str]:
    found = _ARN.fullmatch(arn)
    if found is None:
        raise ProviderFailed(PROVIDER, f"{PROVIDER} answered with a job without an ARN.", ambiguous=True)
    return found
