"""Removes copies at their providers and notes the outcome. Used by deletes, failed uploads and the reconciler."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial

from managed_files.errors import GatewayError
from managed_files.fanout import Fanout
from managed_files.providers.base import Provider
from managed_files.records import Copy
from managed_files.repository import FileRepository

GRACE = 60.0  # seconds that a request has for its own copies before the reconciler takes them
_CLOCK_SKEW = 600  # seconds that a provider's clock may lag behind ours
log = logging.getLogger(__name__)


class Deletion:
    """Deletes copies of one file at the same time. What cannot be deleted now stays `deleting` in its row."""

    def __init__(self, repository: FileRepository, providers: Mapping[str, Provider], fanout: Fanout):
        self._repository = repository
        self._providers = providers
        self._fanout = fanout

    def run(self, copies: Sequence[Copy], *, look_again: bool = False) -> list[Copy]:
        """Deletes the copies of one file; returns those that are left.

        `look_again`: a copy whose remote id nobody knows and that is not found stays, because a provider that was cut
        off in mid-upload may still make it appear.
        """
        by_account = {copy.account: copy for copy in copies}
        gone, left = [], []
        for account, outcome in self._fanout.run(
            {name: partial(self.remove, copy) for name, copy in by_account.items()}
        ):
            copy = by_account[account]
            if outcome.error is None and not (look_again and outcome.value == 0 and copy.remote_id is None):
                gone.append(account)
                continue
            left.append(copy)
            if outcome.error is not None:
                self._note(copy, outcome.error)
        if gone:
            self._repository.forget_copies(copies[0].file_id, gone)
        if not left:
            self._repository.forget_files()
        return left

    def remove(self, copy: Copy) -> int:
        """Deletes one copy, by its remote id or by looking for what an interrupted upload left; how many were there."""
        provider = self._providers.get(copy.account)
        if provider is None:
            raise GatewayError(f"No deployment of the configuration uses the account {copy.account} any more.")
        if copy.remote_id is not None:
            provider.delete(copy.remote_id)
            return 1
        since = None if copy.since is None else copy.since - _CLOCK_SKEW
        leftovers = provider.find(copy.file_id, since)
        for remote_id in leftovers:
            provider.delete(remote_id)
        return len(leftovers)

    def _note(self, copy: Copy, error: BaseException) -> None:
        message = error.message if isinstance(error, GatewayError) else type(error).__name__
        log.warning("copy of %s at %s is not deleted yet: %s", copy.file_id, copy.account, message)
        self._repository.note_error(copy, message)
