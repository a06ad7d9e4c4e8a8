"""What callers do with files: upload, look up, list, read, delete. Knows no Flask, SQL or provider by name."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from managed_files.errors import ContentUnavailable, Forbidden, ProviderFailed, no_such_file
from managed_files.records import Caller, Copy, Deployment, File, FormField, FormFile
from managed_files.services.attempt import Tools
from managed_files.services.batches.batches import Batches
from managed_files.services.batches.storing import BatchUploads
from managed_files.services.deletion import GRACE
from managed_files.services.receiving import Receiving
from managed_files.services.routing import usable
from managed_files.services.targets import storing, targets


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes on their way, and what is known of them."""

    file: File
    pieces: Iterator[bytes]


class Files:
    """Every use case of /files."""

    def __init__(
        self,
        deployments: Sequence[Deployment],
        tools: Tools,
        uploads: BatchUploads,
        batches: Batches,
        default_targets: Sequence[str] = (),
    ):
        self._repository = tools.repository
        self._providers = tools.providers
        self._deployments = deployments
        self._tools = tools
        self._uploads = uploads
        self._batches = batches
        self._default_targets = default_targets

    def create(
        self,
        caller: Caller,
        form: Iterable[FormField | FormFile | bytes],
        query: Mapping[str, Sequence[str]],
        idempotency_key: str | None = None,
    ) -> File:
        """Takes the form in and sends the file to every account behind its targets."""
        receiving = Receiving(self._tools, self._uploads, self._targets, caller, query, idempotency_key)
        return self.get(caller, receiving.receive(form))

    def get(self, caller: Caller, file_id: str) -> File:
        """Raises NotFound."""
        file = self._repository.get(file_id, caller)
        if file is None:
            raise no_such_file(file_id)
        return file

    def page(
        self, caller: Caller, *, after: str | None, limit: int, order: str, purpose: str | None
    ) -> tuple[list[File], bool]:
        """The caller's own and team's files, and whether there are more."""
        files = self._repository.page(caller, after=after, limit=limit + 1, order=order, purpose=purpose)
        return files[:limit], len(files) > limit

    def content(self, caller: Caller, file_id: str) -> Content:
        """The bytes, from the first copy whose provider gives them back. Raises ContentUnavailable if none does.

        A provider that fails stands in nobody's way; if there is no other, what it said is the answer.
        """
        file = self.get(caller, file_id)
        if file.batch_id is not None:
            return Content(file, self._batches.content(file))
        now = time.time()
        ready = [copy for copy in file.copies if copy.account in self._providers and usable([copy], copy.account, now)]
        failures = []
        for copy in ready:
            try:
                return Content(file, self._providers[copy.account].content(copy.stored_id, file.purpose))
            except ContentUnavailable:
                continue
            except ProviderFailed as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
        if file.purpose == "batch" and not file.copies:
            raise ContentUnavailable(
                f"The content of {file_id} cannot be downloaded: its lines were rewritten for their providers. "
                "Keep the original.",
                param="id",
            )
        holders = ", ".join(sorted({copy.provider for copy in ready})) or "no provider"
        raise ContentUnavailable(
            f"The content of {file_id} cannot be downloaded: it is held by {holders}, and none of them returns the "
            f"content of files of purpose {file.purpose}. Keep the original, or name a target whose provider does.",
            param="id",
        )

    def delete(self, caller: Caller, file_id: str, *, force: bool = False) -> None:
        """Takes the file from everyone's sight and deletes its copies; the reconciler goes on where that fails now.

        A batch that runs from it stands in the way; `force` cancels the batch.
        """
        file = self.get(caller, file_id)
        if not (caller.admin or file.owner == caller.user_id):
            raise Forbidden(f"Only the owner of {file_id} or an admin can delete it.", param="id")
        if file.purpose == "batch":
            self._batches.release(caller, file_id, force=force)
        copies = self._repository.begin_delete(file_id, caller.user_id, GRACE)
        if file.purpose == "batch":  # one that was made since has no lines any more, and would wait for them
            self._batches.release(caller, file_id, force=True)
        if copies:
            self._tools.deletion.run(copies)

    def _targets(self, caller: Caller, names: Sequence[str]) -> list[Deployment]:
        found = targets(names, self._default_targets, self._deployments, caller)
        stores = {name: provider.stores_files for name, provider in self._providers.items()}
        return storing(found, stores)

    def model_names(self, caller: Caller, copy: Copy) -> list[str]:
        """The model groups through which this caller can use the copy."""
        groups = (item.model_group for item in self._deployments if item.account.name == copy.account)
        return list(dict.fromkeys(group for group in groups if caller.may_use(group)))
