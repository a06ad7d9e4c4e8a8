"""What callers do with batches: make, look up, list, cancel, read. Knows no Flask, SQL or provider by name."""

import logging
from collections.abc import Iterator
from concurrent.futures import Future, wait
from itertools import chain

from managed_files.batch_records import Batch, NewBatch, Once
from managed_files.batch_repository import BatchRepository
from managed_files.errors import Conflict, Forbidden, InvalidRequest, NotFound, no_such_file
from managed_files.fanout import Fanout, Outcome
from managed_files.ids import new_batch_id, new_part_id
from managed_files.records import Caller, File
from managed_files.repository import FileRepository
from managed_files.services.batches import ending
from managed_files.services.batches.following import Follower
from managed_files.services.batches.receivers import Receivers
from managed_files.services.batches.requests import BatchRequest, chosen, once, window
from managed_files.services.batches.results import Results
from managed_files.services.batches.retrying import Retrying

_STALE = 3.0  # seconds after which a look-up asks the providers again
_PATIENCE = 2.0  # seconds that a look-up waits for them
log = logging.getLogger(__name__)


class Batches:
    """Every use case of /batches."""

    def __init__(
        self,
        files: FileRepository,
        repository: BatchRepository,
        follower: Follower,
        results: Results,
        retrying: Retrying,
        background: Fanout,
        receivers: Receivers,
    ):
        self._files = files
        self._repository = repository
        self._follower = follower
        self._results = results
        self._retrying = retrying
        self._background = background
        self._receivers = receivers

    def create(self, caller: Caller, request: BatchRequest, key: str | None = None) -> Batch:
        """Writes the batch down; its jobs are made in the background, here or wherever it goes on after a crash.

        `key`: the client's idempotency key. What was made under it is not made again.
        """
        asked = once(key, request)
        return self._made_before(caller, asked) or self._made(caller, request, asked)

    def _made_before(self, caller: Caller, asked: Once | None) -> Batch | None:
        """Raises Conflict if the idempotency key belongs to another request."""
        earlier = None if asked is None else self._repository.of_idempotency_key(caller.user_id, asked.key)
        if asked is None or earlier is None:
            return None
        batch_id, request = earlier
        if request != asked.request:
            error = Conflict("This Idempotency-Key was used for another batch. Use a new one.", param="Idempotency-Key")
            error.should_retry = False
            raise error
        return self._found(caller, batch_id)

    def _made(self, caller: Caller, request: BatchRequest, asked: Once | None) -> Batch:
        if request.webhook_url is not None:
            self._receivers.check(request.webhook_url)
        seconds = window(request.completion_window)
        file = self._files.get(request.input_file_id, caller)
        if file is None:
            raise no_such_file(request.input_file_id, "input_file_id")
        inputs = chosen(request, self._repository.inputs(file.id), caller)
        batch = NewBatch(
            new_batch_id(),
            caller,
            file.id,
            inputs[0].target,
            request.endpoint,
            request.completion_window,
            seconds,
            request.metadata,
            request.output_expires_after,
            request.webhook_url,
        )
        if not self._repository.create(batch, {item.number: new_part_id() for item in inputs}, asked):
            if earlier := self._made_before(caller, asked):
                return earlier
            raise no_such_file(file.id, "input_file_id")
        self._looked_after(batch.id)
        return self._found(caller, batch.id)

    def get(self, caller: Caller, batch_id: str) -> Batch:
        """Raises NotFound. What the providers say is at most a few seconds old, unless they are slow to say it."""
        batch = self._found(caller, batch_id)
        if batch.status in ending.FINAL:
            return batch
        wait([self._looked_after(batch_id)], _PATIENCE)
        return self._found(caller, batch_id)

    def page(
        self, caller: Caller, *, after: str | None, limit: int, status: str | None = None
    ) -> tuple[list[Batch], bool]:
        """The caller's own and its team's batches, newest first, and whether there are more."""
        found = self._repository.page(caller, after=after, limit=limit + 1, status=status)
        return found[:limit], len(found) > limit

    def cancel(self, caller: Caller, batch_id: str) -> Batch:
        """Asks every part to end. Raises NotFound, Forbidden, InvalidRequest for a batch that has ended."""
        batch = self._found(caller, batch_id)
        if not (caller.admin or batch.owner == caller.user_id):
            raise Forbidden(f"Only the owner of {batch_id} or an admin can cancel it.", param="batch_id")
        if batch.status in ending.FINAL:
            raise InvalidRequest(f"The batch {batch_id} is {batch.status}; it cannot be cancelled any more.")
        self._repository.cancel(batch_id, caller.user_id)
        self._looked_after(batch_id)
        return self._found(caller, batch_id)

    def retry(self, caller: Caller, batch_id: str, key: str | None = None) -> Batch:
        """A new batch of the lines that were not answered, else as this one. Raises NotFound, InvalidRequest.

        Whoever may see a batch may retry it, and owns the new one. An address that may be told no more is not told.
        """
        batch, asked = self._found(caller, batch_id), once(key, batch_id)
        if earlier := self._made_before(caller, asked):
            return earlier
        if batch.status not in ending.FINAL:
            raise InvalidRequest(f"The batch {batch_id} still runs; retry it when it has ended.")
        file_id = self._retrying.new_input(caller, batch, key)
        same = (batch.endpoint, batch.completion_window, batch.metadata, batch.output_expires_after, None)
        request = BatchRequest(file_id, *same, webhook_url=self._still_allowed(batch.webhook_url))
        return self._made(caller, request, asked)

    def release(self, caller: Caller, file_id: str, *, force: bool) -> None:
        """Lets go of a file that is to be deleted. Raises Conflict if a batch runs from it, unless `force` ends it.

        The providers are told so first: a job whose input is gone fails rather than that it can be cancelled.
        """
        running = self._repository.running_of(file_id)
        if running and not force:
            error = Conflict(
                f"The batch {running[0]} still runs from this file. Cancel it first, or delete with ?force=true.",
                param="id",
            )
            error.should_retry = False
            raise error
        for batch_id in running:
            self._repository.cancel(batch_id, caller.user_id)
        wait([self._looked_after(batch_id) for batch_id in running], _PATIENCE)

    def content(self, file: File) -> Iterator[bytes]:
        """The lines of an output or error file, merged from the parts while they are read.

        Raises what the first block raises; a provider that breaks later breaks the stream, so that nobody takes it for
        the whole.
        """
        batch_id = file.batch_id or ""
        answered = self._repository.by_id(batch_id).output_file_id == file.id
        blocks = self._results.blocks(self._repository.parts(batch_id), answered=answered)
        return chain([next(blocks, b"")], blocks)

    def _still_allowed(self, webhook_url: str | None) -> str | None:
        try:
            if webhook_url is not None:
                self._receivers.check(webhook_url)
        except InvalidRequest:
            return None
        return webhook_url

    def _looked_after(self, batch_id: str) -> Future[Outcome[None]]:
        """Does beside the request what is due for the batch."""

        def task() -> None:
            try:
                self._follower.look_after(batch_id, _STALE)
            except Exception as error:  # the reconciler will try again
                log.warning("the batch %s cannot be looked after now: %s", batch_id, error)

        return self._background.submit(task)

    def _found(self, caller: Caller, batch_id: str) -> Batch:
        batch = self._repository.get(batch_id, caller)
        if batch is None:
            raise NotFound(f"No such Batch object: {batch_id[:200]}", param="batch_id")
        return batch
