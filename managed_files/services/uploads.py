"""Sends one incoming file to several accounts at the same time, so that it is at all of them or at none."""

import random
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from functools import partial

from managed_files.errors import GatewayError, LengthChanged, ProviderFailed, SpoolBroken, Unavailable
from managed_files.fanout import Fanout, Outcome
from managed_files.providers.base import Provider
from managed_files.records import Copy, CopyState, File, Upload
from managed_files.repository import FileRepository
from managed_files.services.deletion import CLOCK_SKEW

_ATTEMPTS = 3  # at each provider, while the failure is one that may pass
_LONGEST_PAUSE = 20.0  # seconds; a provider that asks for more fails the upload, and the client sees its Retry-After


class RunningUpload:
    """The copies of one file on their way. Readers follow the spool, so it may start before the last byte is in."""

    def __init__(
        self,
        file: File,
        upload: Upload,
        accounts: Sequence[str],
        providers: Mapping[str, Provider],
        repository: FileRepository,
        processing_timeout: float,
    ):
        self.file = file
        self._upload = upload
        self._providers = {account: providers[account] for account in accounts}
        self._repository = repository
        self._processing_timeout = processing_timeout
        self.reached: set[str] = set()  # accounts that have stored the file, whatever became of it afterwards
        self._cancelled = threading.Event()
        self._futures: dict[str, Future[Outcome[Copy]]] = {}

    def start(self, fanout: Fanout) -> None:
        """Begins to send to every account."""
        self._futures = {account: fanout.submit(partial(self._send, account)) for account in self._providers}

    def cancel(self) -> None:
        """Ends pauses and waits. What is being sent ends when its spool fails or is finished."""
        self._cancelled.set()

    def outcomes(self) -> dict[str, Outcome[Copy]]:
        """Waits for the last account; how each ended."""
        wait(self._futures.values())
        return {account: future.result() for account, future in self._futures.items()}

    def _send(self, account: str) -> Copy:
        copy, twin = self._stored(self._providers[account])
        self.reached.add(account)
        try:
            state = self._repository.record_copy(copy, look_for_twin=twin)
        except Unavailable:
            self._undo(copy)  # whoever reaches the database may have looked for it in vain and dropped its row by now
            raise
        if state not in (CopyState.READY, CopyState.PROCESSING):
            self._undo(copy)
            raise GatewayError("The upload lost its lease and was given up. Send it again.")
        return self._processed(copy) if copy.state is CopyState.PROCESSING else copy

    def _undo(self, copy: Copy) -> None:
        """Removes what nobody wants any more. Where that fails, its row waits for the reconciler."""
        with suppress(ProviderFailed):
            self._providers[copy.account].delete(copy.stored_id)

    def _stored(self, provider: Provider) -> tuple[Copy, bool]:
        """The copy, and whether an attempt before it may still leave a twin of it that nobody has seen yet."""
        twin = False
        for attempt in range(_ATTEMPTS):
            try:
                return self._attempt(provider), twin
            except ProviderFailed as failure:
                self._clear(provider, failure)
                failure.ambiguous = twin = twin or failure.ambiguous
                pause = _pause(attempt, failure)
                if attempt + 1 == _ATTEMPTS or pause is None or self._cancelled.wait(pause):
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _attempt(self, provider: Provider) -> Copy:
        try:
            return provider.upload(self._upload)
        except LengthChanged:
            self._upload.source.wait()  # from now on the true length is known
            return provider.upload(self._upload)

    def _clear(self, provider: Provider, failure: ProviderFailed) -> None:
        """After an answer that never came, removes what the provider may have stored, before anything is repeated."""
        if not failure.ambiguous:
            return
        try:
            for remote_id in provider.find(self._upload.file_id, self.file.created_at - CLOCK_SKEW):
                provider.delete(remote_id)
        except ProviderFailed:
            raise failure from None  # the one that says that something may be left

    def _processed(self, copy: Copy) -> Copy:
        """Waits a while for a provider that works on the file after the upload; the reconciler waits longer."""
        provider, waited, pause = self._providers[copy.account], 0.0, 0.25
        state = CopyState.PROCESSING
        while state is CopyState.PROCESSING and waited < self._processing_timeout:
            if self._cancelled.wait(pause):
                raise SpoolBroken("The upload was given up.")
            waited, pause = waited + pause, min(pause * 1.5, 5.0)
            state = provider.ready(copy.stored_id)
        if state is CopyState.FAILED:
            raise ProviderFailed(provider.name, f"{provider.name} could not process the file.")
        if state is CopyState.READY:
            self._repository.end_processing(copy, state)
        return copy


def _pause(attempt: int, failure: ProviderFailed) -> float | None:
    """Seconds before the next attempt: as the provider asks, else exponential with jitter. None: do not repeat."""
    if not failure.retryable:
        return None
    try:
        asked = float(failure.retry_after) if failure.retry_after else 0.0
    except ValueError:
        asked = 0.0
    if asked > _LONGEST_PAUSE:
        return None
    return max(asked, 0.5 * 2.0**attempt) * random.uniform(1.0, 1.25)  # noqa: S311 - jitter, not a secret
