"""Stores a file of lines: its inputs at their providers or with us, and all of them or none."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from managed_files.batch_records import Input
from managed_files.batch_repository import BatchRepository
from managed_files.records import Caller, FormFile
from managed_files.services.attempt import Attempt, Order, Tools, key_of_another
from managed_files.services.batches.intake import Intake, Rewriting
from managed_files.services.batches.places import place_of
from managed_files.services.batches.units import Unit, chunks
from managed_files.services.targets import targets
from managed_files.upload_fields import UploadFields

_DEFAULT_LIFE = 30 * 86_400  # seconds, as OpenAI's own files of this purpose
_CHUNK_LINES, _CHUNK_BYTES = 20, 256 * 1024  # small enough to be run again by another node
_AS_STORED = FormFile("batch.jsonl", "application/jsonl", None)


@dataclass(frozen=True, slots=True)
class BatchUploads:
    """Uploads of the purpose `batch`."""

    tools: Tools
    repository: BatchRepository
    rewriting: Rewriting

    @contextmanager
    def intake(self, caller: Caller, names: Sequence[str]) -> Iterator[Intake]:
        """Takes the lines in. `names`: `target_model_names`; without any, each line's own model is asked."""
        found = targets(names, (), self.rewriting.deployments, caller) if names else []
        intake = Intake(self.rewriting, caller, found)
        try:
            yield intake
        finally:
            intake.units.close()

    def store(self, order: Order, units: Sequence[Unit]) -> str:
        """The id of the file, once everything is where it has to be. Whatever goes wrong, nothing stays anywhere."""
        fields = order.fields
        parent = Attempt(self.tools, replace(order, fields=replace(fields, expires_after=_life(fields))))
        with ExitStack() as held:
            held.callback(parent.close)
            parent.begin()
            if parent.replays:
                return self._replayed(parent, units)
            children = {number: self._child(order, unit, parent.id) for number, unit in enumerate(units) if unit.held}
            for child in children.values():
                held.callback(child.close)
                child.begin()
            for number, unit in enumerate(units):
                if not unit.held:
                    self._keep(parent.id, number, unit)
            stored = {number: child.settle() for number, child in children.items()}
            inputs = [_input(number, unit, stored.get(number)) for number, unit in enumerate(units)]
            return parent.settle(partial(self.repository.settle_file, inputs))

    def _replayed(self, parent: Attempt, units: Sequence[Unit]) -> str:
        """The file of the earlier request with this idempotency key, if that was for the same targets in this order."""
        file_id = parent.settle()
        earlier = dict.fromkeys(item.target for item in self.repository.inputs(file_id))
        if list(earlier) != list(dict.fromkeys(unit.target for unit in units)):
            raise key_of_another()
        return file_id

    def _child(self, order: Order, unit: Unit, parent: str) -> Attempt:
        fields = UploadFields("batch", (), None)
        own = Order(order.caller, _AS_STORED, unit.spool, fields, [unit.deployment], None)
        return Attempt(self.tools, own, parent)

    def _keep(self, file_id: str, number: int, unit: Unit) -> None:
        for chunk, lines in enumerate(chunks(unit, _CHUNK_LINES, _CHUNK_BYTES)):
            self.repository.keep_lines(file_id, number, chunk, lines)


def _life(fields: UploadFields) -> int:
    return fields.expires_after or _DEFAULT_LIFE


def _input(number: int, unit: Unit, stored_as: str | None) -> Input:
    return Input(
        number,
        unit.target,
        place_of(unit.deployment),
        unit.endpoint,
        unit.lines,
        stored_as,
        custom_ids=unit.custom_ids.packed(),
    )
