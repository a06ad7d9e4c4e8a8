"""The values of batches that travel between the layers. Knows the standard library only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from managed_files.records import Caller, Deployment

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


@dataclass(frozen=True, slots=True)
class Place:
    """Where lines are answered: a deployment, by what survives a restart."""

    model_group: str
    deployment: str  # its entry's own text, `provider/model`
    account: str
    provider: str


@dataclass(frozen=True, slots=True)
class Input:
    """Lines of a file for one place. `target`: the model group that the whole file was rewritten for, if it was.

    `stored_as`: the child file that the provider holds; None: the lines wait with us. `readable`: they still can be
    read. `custom_ids`: the client's, as custom_ids.py packs them; empty where nobody needs them.
    """

    number: int
    target: str | None
    place: Place
    endpoint: str
    lines: int
    stored_as: str | None
    readable: bool = True
    custom_ids: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class NewBatch:
    """What a client asks for, checked. `window`, `output_expires_after` in seconds."""

    id: str
    caller: Caller
    input_file_id: str
    target: str | None
    endpoint: str
    completion_window: str
    window: int
    metadata: Mapping[str, str] | None = None
    output_expires_after: int | None = None
    webhook_url: str | None = None


@dataclass(frozen=True, slots=True)
class Once:
    """What may be done only once: a client's idempotency key, and a digest of what was asked for under it."""

    key: str
    request: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """One provider's share of a batch, with what its next step needs.

    `window`: seconds that the batch was given. `state`: `waiting` before its job is made, then a JobState. `results`:
    `none` until they are counted, then `kept`, `deleting`, `gone`. `cancelling`, `overdue`: of the whole batch, whose
    time was over `late` seconds ago. `attempts` at the step that is due now. `unsure`: a job may exist that nobody has
    heard of; it is looked for since `searched_at`, in Unix seconds, which is `searched_for` seconds ago (of one clock,
    the database's). `claimed_at` tells the claim that this was handed out by from a later one.
    """

    id: str
    batch_id: str
    number: int
    place: Place
    file_id: str
    input: int
    stored_as: str | None
    endpoint: str
    lines: int
    state: str
    results: str
    attempts: int
    unsure: bool
    searched_at: int | None
    created_at: int
    window: int
    owner: str
    team: str | None
    cancelling: bool
    overdue: bool
    job: Job | None
    error: str | None
    late: float = 0.0
    searched_for: float = 0.0
    claimed_at: datetime | None = None

    @property
    def account(self) -> str:
        return self.place.account

    @property
    def ended(self) -> bool:
        return self.state != "waiting" and JobState(self.state).ended


@dataclass(frozen=True, slots=True)
class Count:
    """What a part's results come to. Sizes in bytes of what they will be in the output and error files."""

    completed: int
    failed: int
    output_bytes: int
    error_bytes: int
    usage: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as its callers see it. Times in Unix seconds.

    `status` as it is kept: `in_progress` and `cancelling` while any part is not done. `states`: of its parts.
    """

    id: str
    owner: str
    team: str | None
    input_file_id: str
    target: str | None
    endpoint: str
    completion_window: str
    metadata: Mapping[str, str] | None
    output_expires_after: int | None
    webhook_url: str | None
    status: str
    created_at: int
    expires_at: int
    in_progress_at: int | None
    cancelling_at: int | None
    finalizing_at: int | None
    ended_at: int | None
    output_file_id: str | None
    error_file_id: str | None
    states: tuple[str, ...]
    collected: bool
    total: int
    completed: int
    failed: int
    usage: tuple[Mapping[str, int], ...]
    parts: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A chunk of lines that the gateway runs itself, for the batch's caller. `done`: keys of those with a result.

    `claimed_at` tells the claim that it was handed out by from a later one.
    """

    batch_id: str
    number: int
    chunk: int
    place: Place
    endpoint: str
    caller: Caller
    claimed_at: datetime
    lines: tuple[bytes, ...] = field(repr=False)
    done: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        return f"{self.batch_id}:{self.number}:{self.chunk}"
