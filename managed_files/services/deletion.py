"""Removes copies at their providers and notes the outcome. Used by deletes, failed uploads and the reconciler."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import wait
from functools import partial

from managed_files.errors import GatewayError, Unavailable
from managed_files.fanout import Fanout
from managed_files.providers.base import Provider
from managed_files.records import Copy
from managed_files.repository import FileRepository

_PATIENCE = 20.0  # seconds that somebody waits for a delete; it goes on
GRACE = 60.0  # seconds that a request has for its own copies before the reconciler takes them
CLOCK_SKEW = 600  # seconds that a provider's clock may lag behind ours
log = logging.getLogger(__name__)


class Deletion:
    """Deletes copies at the same time. What cannot be deleted now stays `deleting` in its row."""

    def __init__(self, repository: FileRepository, providers: Mapping[str, Provider], fanout: Fanout):
        self._repository = repository
        self._providers = providers
        self._fanout = fanout

    def run(self, copies: Sequence[Copy], *, look_again: Sequence[Copy] = ()) -> None:
        """Deletes all copies and forgets the files that have none left.

        Waits for no provider that hangs, and not for the database: what it does not hear of is deleted again.
        `look_again`: those of `copies` that stay for another look, because a provider that was cut off in mid-upload
        may still make the file appear.
        """
        begun = [self._fanout.submit(partial(self.one, copy, look_again=copy in look_again)) for copy in copies]
        try:
            for future in wait(begun, _PATIENCE).done:
                if (error := future.result().error) is not None:
                    raise error
            self._repository.forget_files()
        except Unavailable:
            log.warning("what was deleted is not noted yet")

    def one(self, copy: Copy, *, look_again: bool) -> bool:
        """Deletes one copy, as far as it can be deleted now; whether it is gone."""
        try:
            self._remove(copy)
        except GatewayError as error:
            log.warning("copy of %s at %s is not deleted yet: %s", copy.file_id, copy.account, error.message)
            self._repository.note_error(copy, error.message)
            return False
        if look_again:
            return False
        self._repository.forget_copies([copy])
        return True

    def remove_twins(self, copy: Copy) -> None:
        """Deletes what else an upload of the copy's file left at its account. Raises GatewayError."""
        provider = self._provider(copy)
        for remote_id in self._found(provider, copy):
            if remote_id != copy.remote_id:
                provider.delete(remote_id)

    def _remove(self, copy: Copy) -> None:
        """By its remote id, and by looking for what an interrupted upload left."""
        provider = self._provider(copy)
        if copy.remote_id is not None:
            provider.delete(copy.remote_id)
        if copy.remote_id is None or copy.twin:
            self.remove_twins(copy)

    def _found(self, provider: Provider, copy: Copy) -> list[str]:
        return provider.find(copy.file_id, None if copy.since is None else copy.since - CLOCK_SKEW)

    def _provider(self, copy: Copy) -> Provider:
        provider = self._providers.get(copy.account)
        if provider is None:
            raise GatewayError(f"No deployment of the configuration uses the account {copy.account} any more.")
        return provider
