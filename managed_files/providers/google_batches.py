"""What the batch jobs of Google's two platforms have in common: words, counts, lines. Knows no path."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from managed_files.batch_records import JobState, LineResult
from managed_files.providers.batches import json_lines, refused
from managed_files.providers.failures import refusal
from managed_files.providers.wire import Wire

_STATES = {
    "QUEUED": JobState.VALIDATING,
    "PENDING": JobState.VALIDATING,
    "RUNNING": JobState.IN_PROGRESS,
    "UPDATING": JobState.IN_PROGRESS,
    "PAUSED": JobState.IN_PROGRESS,
    "SUCCEEDED": JobState.COMPLETED,
    "PARTIALLY_SUCCEEDED": JobState.COMPLETED,
    "FAILED": JobState.FAILED,
    "CANCELLING": JobState.CANCELLING,
    "CANCELLED": JobState.CANCELLED,
    "EXPIRED": JobState.EXPIRED,
}
# google.rpc.Code, which Google itself maps to HTTP in google/rpc/code.proto
_HTTP = {
    1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429,
    9: 400, 10: 409, 11: 400, 12: 501, 13: 500, 14: 503, 15: 500, 16: 401,
}  # fmt: skip


def state_of(word: Any) -> JobState:
    """`JOB_STATE_…` and `BATCH_STATE_…` alike. A word that is new to us does not end a job."""
    return _STATES.get(str(word).partition("_STATE_")[2], JobState.IN_PROGRESS)


def count_of(stats: Mapping[str, Any] | None, name: str) -> int | None:
    """int64, which Google's JSON gives as text; a zero may be left out, and all counts while none is known."""
    return int(stats.get(name) or 0) if stats else None


def message_of(error: Any) -> str | None:
    """Of a google.rpc.Status."""
    return str(error["message"]) if isinstance(error, Mapping) and error.get("message") else None


def objects_in(pieces: Iterable[bytes], wire: Wire) -> Iterator[dict[str, Any]]:
    """The lines of a file of results, one after the other."""
    for text in json_lines(pieces):
        try:
            line = json.loads(text)
        except ValueError as error:
            raise wire.nonsense("a line of results that is not JSON") from error
        if not isinstance(line, dict):
            raise wire.nonsense("a line of results that is no object")
        yield line


def refused_line(provider: str, key: str, error: Any) -> LineResult:
    """A line's google.rpc.Status, whose code may also be the HTTP status that goes with it; or mere words."""
    fields = error if isinstance(error, dict) else {"message": str(error)}
    code = fields.get("code")
    status = _HTTP.get(code, code) if isinstance(code, int) else 500
    body = json.dumps({"error": {**fields, "code": status}}).encode()
    return refused(key, refusal(provider, status if 400 <= status < 600 else 500, {}, body))
