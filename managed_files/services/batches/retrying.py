"""Makes a new input of the lines of a batch that were not answered, out of what their providers or we still hold."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from managed_files.batch_records import Batch, BatchLimits, Part
from managed_files.batch_repository import BatchRepository
from managed_files.errors import ConfigError, InvalidRequest, ProviderFailed
from managed_files.providers.base import Provider
from managed_files.providers.batches import json_lines
from managed_files.records import Caller, Deployment, FormFile
from managed_files.repository import FileRepository
from managed_files.services import routing
from managed_files.services.attempt import Order
from managed_files.services.batches.places import deployment_at
from managed_files.services.batches.results import Results
from managed_files.services.batches.storing import BatchUploads
from managed_files.services.batches.units import Unit, Units
from managed_files.spool import Spool
from managed_files.upload_fields import UploadFields

_ALL = BatchLimits()  # what fitted into one job fits again


@dataclass(frozen=True, slots=True)
class Retrying:
    """What retries are made with; one for the process."""

    files: FileRepository
    repository: BatchRepository
    uploads: BatchUploads
    results: Results
    providers: Mapping[str, Provider]
    deployments: Sequence[Deployment]

    def new_input(self, caller: Caller, batch: Batch, key: str | None) -> str:
        """The id of a new file of the lines without an answer, as they were sent. Raises InvalidRequest if none is.

        `key`: the client's idempotency key; under it, repeats at the same time do not store the lines twice.
        """
        parts = self.repository.parts(batch.id)
        for part in parts:
            self._check(part, caller)
        units = Units()
        with Spool() as whole:
            try:
                for part in parts:
                    self._add(part, batch.target, units, whole)
                whole.finish()
                found = units.finished()
                if not found:
                    raise InvalidRequest(f"Every line of {batch.id} was answered; there is nothing to retry.")
                name = FormFile(f"{batch.id}_retry.jsonl", "application/jsonl", None)
                order = Order(caller, name, whole, UploadFields("batch", (), None), [], key and f"{batch.id} {key}")
                return self.uploads.store(order, found)
            finally:
                units.close()

    def _check(self, part: Part, caller: Caller) -> None:
        """Before anything is stored. Without its results nobody knows which lines of a part were answered."""
        if not caller.may_use(part.place.model_group):
            raise routing.no_such_model(part.place.model_group)
        if part.results != "kept":
            raise InvalidRequest(
                f"The results of {part.batch_id} were deleted, so nobody knows which lines were answered. Upload those "
                "that are to run again."
            )

    def _add(self, part: Part, target: str | None, units: Units, whole: Spool) -> None:
        failed = {line.key: line.custom_id for line in self.results.lines(part) if not line.answered}
        if not failed:
            return
        try:
            deployment = deployment_at(part.place, self.deployments)
        except ConfigError as error:
            raise InvalidRequest(error.message) from error
        held = part.stored_as is not None
        new = partial(Unit, target, deployment, part.endpoint, held)
        missing = set(failed)
        for raw in self._lines(part):
            key = self._key(part, raw)
            if key in missing:
                missing.remove(key)
                units.add(part.id, new, _ALL, key, failed[key], raw)
                whole.write(raw + b"\n")
        if missing:
            raise InvalidRequest(
                f"The lines of {part.place.model_group} are not kept any more: the batch's input file was deleted or "
                "has expired. Upload them again."
            )

    def _lines(self, part: Part) -> Iterator[bytes]:
        if part.stored_as is None:
            return self.repository.lines(part.file_id, part.input)
        return json_lines(self._content(part, part.stored_as))

    def _content(self, part: Part, stored_as: str) -> Iterator[bytes]:
        """Nothing where the provider has the file no more."""
        provider = self.providers[part.place.account]
        try:
            for copy in self.files.copies_of_child(stored_as):
                yield from provider.content(copy.stored_id, "batch")
        except ProviderFailed as failure:
            if failure.upstream_status != 404:
                raise

    def _key(self, part: Part, raw: bytes) -> str:
        api = self.providers[part.place.account].batches()
        line = json.loads(raw)
        return api.key_of(line) if api and api.takes(part) else str(line["custom_id"])
