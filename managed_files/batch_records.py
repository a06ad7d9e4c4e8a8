"""The values of batches that travel between the layers. Knows the standard library only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from managed_files.records import Deployment

CHAT, EMBEDDINGS, RESPONSES = "/v1/chat/completions", "/v1/embeddings", "/v1/responses"
ENDPOINTS = (CHAT, EMBEDDINGS, RESPONSES)


class JobState(StrEnum):
    """How far a provider's job is, in OpenAI's words for a batch."""

    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.EXPIRED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What one job of a provider may hold at most."""

    lines: int = 50_000
    bytes: int = 200_000_000


@dataclass(frozen=True, slots=True)
class JobOrder:
    """A job to be made. Exactly one of `input_id` and `lines` is given.

    `part_id`: our own name of it, `part-` and 32 of `[a-z0-9]`, unique for ever: under it the job is found again after
    a crash. `input_id`: remote id of the stored input. `lines`: the provider's lines, each one a JSON text without its
    newline, to be read once. `window`: seconds that the provider has for the job.
    """

    part_id: str
    deployment: Deployment
    endpoint: str
    count: int
    window: int = 86_400
    input_id: str | None = None
    lines: Iterable[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """What a provider says of a job. Counts are None while it does not tell them.

    `outputs`: remote ids of the files that it wrote, as `results` reads them. `error`: why it failed as a whole.
    """

    id: str
    state: JobState
    completed: int | None = None
    failed: int | None = None
    outputs: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of one line. `key`: the name under which `BatchApi.line` sent it.

    An answer is `status` 200 with the provider's own `body`; a refusal has another status and OpenAI's error envelope
    as `body`. A line that was never asked has no status, and `code` (`batch_expired`, `batch_cancelled` or the
    provider's own) with `message` instead.
    """

    key: str
    status: int | None
    body: Mapping[str, Any] = field(default_factory=dict)
    code: str | None = None
    message: str | None = None
    request_id: str | None = None
