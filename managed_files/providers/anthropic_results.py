"""What Anthropic says of a message batch and of each of its requests, in our words. Pure.

Source: the types of the `anthropic` package 2.12 and Anthropic's "Errors".
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from managed_files.batch_records import JobState, LineResult
from managed_files.providers.batches import refused
from managed_files.providers.failures import refusal

_PROVIDER = "anthropic"
_PART = re.compile(r"part-[a-z0-9]{32}-")
# the status that a chat would get with an error of this type
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_NEVER_ASKED = {
    "canceled": ("batch_cancelled", "The batch was cancelled before this request was sent to the model."),
    "expired": ("batch_expired", "The batch expired before this request was sent to the model."),
}


def state_of(batch: Mapping[str, Any]) -> JobState:
    """An end is a completion, unless requests were left over."""
    counts = batch.get("request_counts") or {}
    match batch.get("processing_status"):
        case "canceling":
            return JobState.CANCELLING
        case "ended" if batch.get("cancel_initiated_at") and counts.get("canceled"):
            return JobState.CANCELLED
        case "ended":
            return JobState.EXPIRED if counts.get("expired") else JobState.COMPLETED
        case _:
            return JobState.IN_PROGRESS


def result_of(line: Mapping[str, Any]) -> LineResult:
    """`custom_id` is the key, with the name of our part before it. Raises ValueError, KeyError for no result."""
    key, result = _PART.sub("", line["custom_id"], count=1), line["result"]
    match result:
        case {"type": "succeeded", "message": message}:
            return LineResult(key, 200, message)
        case {"type": "errored", "error": error}:
            status = _STATUS.get(str((error.get("error") or {}).get("type")), 500)
            answer = refused(key, refusal(_PROVIDER, status, {}, json.dumps(error).encode()))
            return LineResult(key, answer.status, answer.body, request_id=error.get("request_id"))
        case {"type": kind}:
            code, message = _NEVER_ASKED.get(kind, (str(kind), f"{_PROVIDER} did not answer this request: {kind}."))
            return LineResult(key, None, code=code, message=message)
        case _:
            raise ValueError("a result without a type")
