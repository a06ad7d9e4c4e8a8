"""Makes true what was promised: deletes, ends what crashed or expired, follows processing, tells. One in a cluster."""

import logging
import os
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from managed_files.database import Database
from managed_files.errors import GatewayError
from managed_files.fanout import Fanout
from managed_files.providers.base import Provider
from managed_files.records import Copy, CopyState
from managed_files.repository import DueCopy, FileRepository
from managed_files.services.batches.following import Follower
from managed_files.services.batches.webhooks import Webhooks
from managed_files.services.deletion import Deletion
from managed_files.services.steps import Steps

_LOCK = 0x6D66_0002
_BATCH = 64
_PATIENCE = 5.0  # seconds
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """What one pass did: files by why their copies go, copies by outcome, steps of batches, webhooks."""

    crashed: int = 0
    expired: int = 0
    deleted: int = 0
    postponed: int = 0
    processed: int = 0
    batch_steps: int = 0
    webhooks: int = 0


class Reconciler:
    """One pass is safe to run anywhere at any time: rows are claimed with SKIP LOCKED and pushed into the future."""

    def __init__(
        self,
        repository: FileRepository,
        providers: Mapping[str, Provider],
        deletion: Deletion,
        follower: Follower,
        webhooks: Webhooks,
        threads: Fanout,
    ):
        """`threads`: for copies alone, as a provider that hangs may hold some."""
        self._repository = repository
        self._providers = providers
        self._deletion = deletion
        self._follower = follower
        self._webhooks = webhooks
        self._steps = Steps[DueCopy](threads)

    def run_once(self) -> Report:
        """Everything that is due now. A provider's failure postpones its copy and stops nothing else."""
        crashed = self._repository.end_expired_leases(_BATCH)
        expired = self._repository.expire(_BATCH)
        ends: list[str] = []
        self._steps.run(self._repository.claim_due, partial(self._step, ends), _PATIENCE)
        self._repository.forget_files()
        steps, told, done = self._follower.run_once(), self._webhooks.run_once(), Counter(ends)
        return Report(crashed, expired, done["deleted"], done["postponed"], done["processed"], steps, told)

    def _step(self, ends: list[str], due: DueCopy) -> None:
        try:
            ends.append(self._looked_after(due))
        except Exception as error:  # its next attempt is in the row already
            log.warning("copy of %s at %s: %s", due.copy.file_id, due.account, error)

    def _looked_after(self, due: DueCopy) -> str:
        """What became of the copy, as the report calls it."""
        match due.copy.state:
            case CopyState.PROCESSING:
                return "processed" if self._follow(due.copy) else ""
            case CopyState.READY:
                self._look_for_twin(due.copy)
                return ""
        # A copy of unknown id is looked for twice: its provider may have been finishing it at the first look.
        look_again = due.copy.remote_id is None and due.attempt < 2
        return "deleted" if self._deletion.one(due.copy, look_again=look_again) else "postponed"

    def _follow(self, copy: Copy) -> bool:
        """Asks how far the provider is; whether it has finished, for better or worse."""
        try:
            state = self._providers[copy.account].ready(copy.stored_id)
        except (GatewayError, KeyError) as error:
            log.warning("copy of %s at %s: state unknown: %s", copy.file_id, copy.account, error)
            return False
        if state is CopyState.PROCESSING:
            return False
        reason = None if state is CopyState.READY else "The provider could not process the file."
        self._repository.end_processing(copy, state, reason)
        return True

    def _look_for_twin(self, copy: Copy) -> None:
        """An attempt without an answer came before the one that stored the copy, and may have stored it as well."""
        try:
            self._deletion.remove_twins(copy)
        except GatewayError as error:
            log.warning("copy of %s at %s: its twin cannot be looked for: %s", copy.file_id, copy.account, error)
        else:
            self._repository.end_look(copy)


class ReconcilerThread:
    """Runs passes in the background, in whichever process of the cluster holds the advisory lock."""

    def __init__(self, reconciler: Reconciler, database: Database, interval: float):
        self._reconciler = reconciler
        self._database = database
        self._interval = interval
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = 0

    def start(self) -> None:
        """Idempotent within a process; a forked child starts its own."""
        if self._pid != os.getpid():
            self._pid, self._stop = os.getpid(), threading.Event()
            self._thread = threading.Thread(target=self._run, args=(self._stop,), name="reconciler", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends after the pass that runs, which is given a few seconds: it must not find its database closed."""
        self._stop.set()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join(_PATIENCE)

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self._interval):
            try:
                with self._database.leadership(_LOCK) as connection:
                    while connection is not None and not stop.is_set():
                        self._reconciler.run_once()
                        stop.wait(self._interval)
                        connection.execute("SELECT 1")  # the lock is gone if its connection is
            except Exception as error:
                log.warning("reconciler: the pass failed and will be repeated: %s", error)
