"""One attempt to store one incoming file everywhere: intent, sending, and the end of it, good or bad."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from managed_files import mime
from managed_files.errors import Conflict, GatewayError, ProviderFailed, SpoolBroken, Unavailable
from managed_files.fanout import Fanout, Outcome
from managed_files.ids import new_file_id
from managed_files.providers.base import Provider
from managed_files.records import Caller, Copy, Deployment, File, FormFile, Upload
from managed_files.repository import FileRepository, PlannedCopy
from managed_files.services.deletion import GRACE, Deletion
from managed_files.services.leases import LeaseKeeper
from managed_files.services.uploads import RunningUpload
from managed_files.spool import Spool
from managed_files.upload_fields import UploadFields


@dataclass(frozen=True, slots=True)
class Tools:
    """The parts that uploads are done with; one set for the process."""

    repository: FileRepository
    providers: Mapping[str, Provider]
    fanout: Fanout
    leases: LeaseKeeper
    deletion: Deletion
    processing_timeout: float


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be stored, for whom and where."""

    caller: Caller
    part: FormFile
    spool: Spool
    fields: UploadFields
    deployments: Sequence[Deployment]
    idempotency_key: str | None


class Attempt:
    """Begin, then settle; or close, which leaves nothing behind."""

    def __init__(self, tools: Tools, order: Order, parent: str | None = None):
        """`parent`: the file of which this one is a part, as no caller sees it."""
        self.order = order
        self._tools = tools
        self._parent = parent
        self._file = _file(order)
        self._running: RunningUpload | None = None
        self._held = ExitStack()

    @property
    def id(self) -> str:
        """The file's id, be it visible yet or not."""
        return self._file.id

    @property
    def replays(self) -> bool:
        """Whether nothing was started, because an earlier request had the same idempotency key."""
        return self._running is None

    def begin(self) -> None:
        """Writes the intent down and starts to send. With a used idempotency key, nothing starts."""
        upload = self._upload()
        accounts = _accounts(self.order.deployments)
        if not self._plan(upload, accounts):
            return
        self._held.enter_context(self._tools.leases.hold(self._file.id))
        self._running = RunningUpload(
            self._file,
            upload,
            accounts,
            self._tools.providers,
            self._tools.repository,
            self._tools.processing_timeout,
        )
        self._running.start(self._tools.fanout)

    def settle(self, settled: Callable[[str, int, bytes], bool] | None = None) -> str:
        """Waits for every account; the file's id once it is visible. Raises what kept it from being stored.

        `settled`: makes the file of this id, size and SHA-256 visible, False if its lease was lost.
        """
        if self._running is None:
            return self._replayed()
        outcomes = self._running.outcomes()
        if any(outcome.error for outcome in outcomes.values()):
            raise failure(outcomes, self.order.deployments)
        settled = settled or self._tools.repository.settle
        if not settled(self._file.id, self.order.spool.wait(), self.order.spool.sha256):
            raise Unavailable("The upload lost its lease and was given up. Send it again.")
        self._running = None
        self._held.close()
        return self._file.id

    def close(self) -> None:
        """If it was begun and not settled: stops what runs, and deletes what was stored."""
        running, self._running = self._running, None
        if running is None:
            return
        with self._held:  # should the database be away, the lease runs out and the reconciler does the rest
            running.cancel()
            outcomes = running.outcomes()
            copies = self._tools.repository.abandon(self._file.id, GRACE)
            nowhere = {account for account in outcomes.keys() - running.reached if _left_nothing(outcomes[account])}
            clean = [copy for copy in copies if copy.account in nowhere]
            self._tools.repository.forget_copies(clean)
            left = [copy for copy in copies if copy.account not in nowhere]
            unsure = [copy for copy in left if copy.remote_id is None or copy.account not in running.reached]
            self._tools.deletion.run(left, look_again=unsure)

    def _upload(self) -> Upload:
        file, fields = self._file, self.order.fields
        return Upload(file.id, file.filename, file.mime_type, file.purpose, self.order.spool, fields.expires_after)

    def _plan(self, upload: Upload, accounts: Sequence[str]) -> bool:
        planned = []
        for account in accounts:
            provider = self._tools.providers[account]
            planned.append(PlannedCopy(account, provider.name, provider.planned_id(upload)))
        return self._tools.repository.plan(
            self._file,
            planned,
            lease=self._tools.leases.lease,
            expires_after=self.order.fields.expires_after,
            idempotency_key=self.order.idempotency_key,
            parent=self._parent,
        )

    def _replayed(self) -> str:
        """The file of the earlier request with this idempotency key, if it was the same request."""
        key = self.order.idempotency_key or ""
        earlier = self._tools.repository.of_idempotency_key(self.order.caller.user_id, key)
        if earlier is None or earlier["state"] != "stored":
            error = Conflict(
                "An upload with this Idempotency-Key is still running. Try again.", param="Idempotency-Key"
            )
            error.retry_after = "1"
            raise error
        asked = {
            "filename": self._file.filename,
            "purpose": self._file.purpose,
            "sha256": self.order.spool.sha256,
            "expires_after": self.order.fields.expires_after,
            "accounts": sorted(_accounts(self.order.deployments)),
        }
        if any(earlier[name] != value for name, value in asked.items()):
            raise key_of_another()
        return str(earlier["file_id"])


def key_of_another() -> Conflict:
    """The error for an idempotency key under which something else was uploaded."""
    error = Conflict("This Idempotency-Key was used for another upload. Use a new one.", param="Idempotency-Key")
    error.should_retry = False
    return error


def failure(outcomes: Mapping[str, Outcome[Copy]], deployments: Sequence[Deployment]) -> GatewayError:
    """One error that tells what became of every target. Pure. A failure that a repeat cannot mend leads."""
    errors = [outcome.error for outcome in outcomes.values() if outcome.error is not None]
    broken = next((error for error in errors if isinstance(error, SpoolBroken)), None)
    if broken is not None:
        return broken
    lines = [f"{_names(account, deployments)}: {_told(outcome)}" for account, outcome in outcomes.items()]
    message = f"The file was not stored. {'; '.join(lines)}"
    failures = [error for error in errors if isinstance(error, ProviderFailed)]
    if len(failures) < len(errors):
        return Unavailable(message)
    return min(failures, key=lambda error: error.retryable).again(message)


def _file(order: Order) -> File:
    part = order.part
    return File(
        id=new_file_id(),
        owner=order.caller.user_id,
        team=order.caller.team_id,
        filename=part.filename,
        purpose=order.fields.purpose or "",
        mime_type=mime.detect(part.content_type, part.filename, order.spool.head),
        created_at=int(time.time()),
    )


def _accounts(deployments: Sequence[Deployment]) -> list[str]:
    return list(dict.fromkeys(deployment.account.name for deployment in deployments))


def _names(account: str, deployments: Sequence[Deployment]) -> str:
    return ", ".join(dict.fromkeys(item.model_group for item in deployments if item.account.name == account))


def _told(outcome: Outcome[Copy]) -> str:
    if outcome.error is None:
        return "was stored, and is deleted again"
    return outcome.error.message if isinstance(outcome.error, GatewayError) else "failed inside the gateway"


def _left_nothing(outcome: Outcome[Copy]) -> bool:
    """Whether the provider surely holds nothing: it refused, or saw only the beginning of the request."""
    error = outcome.error
    return isinstance(error, SpoolBroken) or (isinstance(error, ProviderFailed) and not error.ambiguous)
