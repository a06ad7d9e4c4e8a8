"""Brings every part of every batch to its end: makes its job, looks after it, counts its results, deletes them."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from managed_files.batch_records import Job, JobOrder, JobState, Part
from managed_files.batch_repository import BatchRepository
from managed_files.errors import ConfigError, InvalidRequest, ProviderFailed, Unavailable
from managed_files.ids import new_file_id
from managed_files.providers.base import Provider
from managed_files.providers.batches import BatchApi
from managed_files.records import CopyState, Deployment
from managed_files.repository import FileRepository
from managed_files.run_repository import RunRepository
from managed_files.services.batches.ending import ended_as
from managed_files.services.batches.places import deployment_at, deployment_near
from managed_files.services.batches.results import Results
from managed_files.services.batches.setbacks import EXPLAINED, Again, GivenUp, Over, Verdict, verdict
from managed_files.services.deletion import CLOCK_SKEW
from managed_files.services.leases import LeaseKeeper
from managed_files.services.steps import AT_ONCE, Steps

_PATIENCE = 5.0  # seconds that a pass, or somebody who looks at a batch, waits for steps
_SETTLED = 60.0  # seconds after which a provider's list shows every job that it has
_LOST = "The provider may have this job, although it did not say so. It is looked for."
_NO_LINES = "The lines of this batch are not kept any more. Upload them again."
_LONGEST_END = 86_400.0  # seconds that a provider has to end a job whose time is over
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Followers:
    """The parts that the follower works with; one set for the process."""

    repository: BatchRepository
    files: FileRepository
    runs: RunRepository
    providers: Mapping[str, Provider]
    deployments: Sequence[Deployment]
    results: Results
    leases: LeaseKeeper
    steps: Steps[Part]


class Follower:
    """Each step is written down before the next begins, so that any node can take over at any of them."""

    def __init__(self, tools: Followers, pause: float, settled: float = _SETTLED):
        """`pause`: seconds between two looks at a young batch."""
        self._tools = tools
        self._pause = pause
        self._settled = settled

    def run_once(self) -> int:
        """What is due now; how many steps that were. Steps that take long go on behind it."""
        begun = self._tools.steps.run(partial(self._claimed, None, 0.0), self._step, _PATIENCE)
        self.settle()
        return begun

    def look_after(self, batch_id: str, stale: float) -> None:
        """One batch now, as far as nobody has done so within `stale` seconds."""
        self._tools.steps.run(partial(self._claimed, batch_id, stale), self._step, _PATIENCE)
        self.settle(batch_id)

    def settle(self, batch_id: str | None = None) -> None:
        """Ends batches whose parts are all counted: their files exist from then on."""
        for row in self._tools.repository.to_settle(AT_ONCE, batch_id):
            status = ended_as(row["states"], cancelling=row["status"] == "cancelling")
            output = new_file_id() if row["completed"] else None
            error = new_file_id() if row["failed"] else None
            self._tools.repository.settle(row["id"], status, output, error)

    def _claimed(self, batch_id: str | None, stale: float, busy: Sequence[str]) -> Part | None:
        lease = self._tools.leases.lease
        return self._tools.repository.claim_part(busy, lease=lease, pause=self._pause, batch_id=batch_id, stale=stale)

    def _step(self, part: Part) -> None:
        """What is due for the part, which is held meanwhile."""
        try:
            with self._tools.leases.hold(part.id):
                self._try(part)
        except Unavailable as error:  # somebody goes on when the lease is over
            log.warning("part %s of a batch: %s", part.id, error)

    def _try(self, part: Part) -> None:
        """A failure postpones the step, or ends the part."""
        try:
            self._due(part)
        except Unavailable:
            raise
        except Exception as failure:
            if not isinstance(failure, EXPLAINED):
                log.exception("part %s of a batch", part.id)
            self._set_back(part, verdict(part, failure, self._pause))

    def _set_back(self, part: Part, found: Verdict) -> None:
        match found:
            case Again():
                self._tools.repository.note_error(part, found.error, found.delay, sure=found.sure)
            case GivenUp():
                self._tools.repository.give_up(part, found.error)
            case Over():
                self._end(part, Job("", JobState.FAILED, error=found.error))

    def _due(self, part: Part) -> None:
        if part.results == "deleting":
            self._discard(part)
        elif part.ended:
            self._count(part)
        elif part.state == "waiting":
            self._begin(part)
        elif part.job is None:
            self._look_at_runs(part)
        else:
            self._look_at_job(part, part.job)

    def _begin(self, part: Part) -> None:
        if (part.cancelling or part.overdue) and not part.unsure:
            self._end_unbegun(part)
            return
        api = self._api(part)
        if api is None:
            if not self._tools.runs.begin(part, self._pause):
                raise InvalidRequest(_NO_LINES)
            return
        deployment = deployment_at(part.place, self._tools.deployments)
        job_id = self._found(part, deployment, api)
        if job_id is None and part.searched_at is not None and part.searched_for < self._settled:
            self._tools.repository.note_error(part, _LOST, self._settled)
            return
        if job_id is None and (part.cancelling or part.overdue):
            self._end_unbegun(part)
            return
        if job_id is None:
            job_id = self._made(part, deployment, api)
        if not self._tools.repository.note_job(part, job_id, 0.0 if part.cancelling else self._pause):
            log.warning("part %s has two jobs; %s is given up", part.id, job_id)
            with suppress(ProviderFailed):  # what becomes of this one is nothing that the part has to do with
                api.cancel(job_id)

    def _end_unbegun(self, part: Part) -> None:
        self._end(part, Job("", JobState.CANCELLED if part.cancelling else JobState.EXPIRED))

    def _found(self, part: Part, deployment: Deployment, api: BatchApi) -> str | None:
        """The job that may exist, if it does. A search that fails leaves that as unclear as it was."""
        if not part.unsure:
            return None
        try:
            return api.find(part.id, deployment, part.created_at - CLOCK_SKEW, (part.searched_at or 0) + CLOCK_SKEW)
        except ProviderFailed as failure:
            failure.ambiguous = True
            raise

    def _made(self, part: Part, deployment: Deployment, api: BatchApi) -> str:
        order = self._order(part, deployment)
        if not self._tools.repository.begin_job(part):
            raise _taken(part)
        return api.create(order)

    def _order(self, part: Part, deployment: Deployment) -> JobOrder:
        order = JobOrder(part.id, deployment, part.endpoint, part.lines, part.window)
        if part.stored_as is None:
            lines = self._tools.repository.lines(part.file_id, part.input)
            first = next(lines, None)
            if first is None:
                raise InvalidRequest(_NO_LINES)
            return replace(order, lines=chain([first], lines))
        return replace(order, input_id=self._stored(part))

    def _stored(self, part: Part) -> str:
        copies = self._tools.files.copies_of_child(part.stored_as or "")
        copy = next((copy for copy in copies if copy.account == part.place.account), None)
        if copy is None or copy.state is CopyState.FAILED:
            raise InvalidRequest("The provider has the lines of this batch no more. Upload them again.")
        if copy.state is not CopyState.READY:
            raise ProviderFailed(part.place.provider, "The provider still works on the batch's file.", retryable=True)
        return copy.stored_id

    def _look_at_runs(self, part: Part) -> None:
        done, left = self._tools.runs.progress(part)
        state = JobState.IN_PROGRESS
        if not left:
            state = JobState.COMPLETED
        elif part.cancelling:
            state = JobState.CANCELLED
        elif part.overdue:
            state = JobState.EXPIRED
        job = Job("", state, completed=done)
        self._end(part, job) if state.ended else self._note(part, job)

    def _look_at_job(self, part: Part, known: Job) -> None:
        api = self._api(part)
        if api is None:
            raise ConfigError(f"The account {part.place.account} takes no such batches any more.")
        if part.cancelling or part.overdue:
            api.cancel(known.id)
        job = api.job(known.id)
        if job.state.ended:
            overdue = part.overdue and not part.cancelling and job.state is JobState.CANCELLED
            self._end(part, replace(job, state=JobState.EXPIRED) if overdue else job)
        elif part.late > _LONGEST_END:
            self._tools.repository.give_up(part, "The provider did not end this job, a day after its time was over.")
        else:
            self._note(part, job)

    def _note(self, part: Part, job: Job) -> None:
        if not self._tools.repository.note(part, job):
            raise _taken(part)

    def _end(self, part: Part, job: Job) -> None:
        """The part's job is over; what came of it is counted at once."""
        self._note(part, job)
        known = replace(job, id=part.job.id) if part.job else None
        self._count(replace(part, state=job.state, job=known, error=job.error))

    def _count(self, part: Part) -> None:
        self._tools.repository.count(part, self._tools.results.count(part))

    def _discard(self, part: Part) -> None:
        if api := self._api(part):
            api.discard(part.id, deployment_near(part.place, self._tools.deployments), part.job)
        self._tools.repository.forget_results(part)

    def _api(self, part: Part) -> BatchApi | None:
        """The account's batches, if they take the part. Raises ConfigError for an account that is there no more."""
        provider = self._tools.providers.get(part.place.account)
        if provider is None:
            raise ConfigError(f"The configuration has no account {part.place.account} any more.")
        api = provider.batches()
        return api if api and api.takes(part) else None


def _taken(part: Part) -> Unavailable:
    """What ends a step whose lease ran out while it was at it: what is due now is somebody else's to do."""
    return Unavailable(f"Another node has taken over the part {part.id}.")
