"""Takes a batch's input in: checks its lines as they arrive, and rewrites each for the place that will answer it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from managed_files.batch_lines import Findings, Line, LineChecker, dumped
from managed_files.batch_records import CHAT, BatchLimits
from managed_files.errors import InvalidRequest, TooLarge, no_such_file
from managed_files.providers.base import Provider
from managed_files.providers.batches import keyed
from managed_files.records import Caller, Copy, Deployment
from managed_files.repository import FileRepository
from managed_files.services.batches.places import Offers, choose, place_of, runs_itself
from managed_files.services.batches.units import Unit, Units
from managed_files.services.calls import Asked, Calls
from managed_files.services.references import Reference, references
from managed_files.services.routing import by_group
from managed_files.spool import Spool
from managed_files.turns import short_turns

_GATHERED_LINES, _GATHERED_BYTES = 256, 4 * 1024 * 1024  # before one statement finds the files that they name
_LONGEST_LINE = 16 * 1024 * 1024  # bytes; reading one line of JSON keeps the whole process from answering
_NO_LIMITS = BatchLimits()


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What lines are rewritten with; one for the process. `most`: of one file."""

    repository: FileRepository
    providers: Mapping[str, Provider]
    deployments: Sequence[Deployment]
    calls: Calls
    most: BatchLimits


class Intake:
    """One file's lines, fed as they arrive. `targets`: deployments whose groups get the whole file each, if any do.

    A group has no other members then: who names an entry of the configuration means that one. `misplaced`: something
    is wrong that other targets might mend.
    """

    def __init__(self, rewriting: Rewriting, caller: Caller, targets: Sequence[Deployment]):
        self._with = rewriting
        self._caller = caller
        self._targets = by_group(targets)
        self._offers = offers_of(rewriting.providers)
        self._groups = by_group(rewriting.deployments) | self._targets
        self._now = time.time()
        self._findings = Findings()
        self._checker = LineChecker(self._findings, rewriting.most.lines)
        self._rest: list[bytes] = []  # of a line that is not complete: joined once, however long it grows
        self._rest_size = 0
        self._size = 0
        self._gathered: list[tuple[Line, list[Reference]]] = []
        self._gathered_bytes = 0
        self._files: dict[str, tuple[Copy, ...]] = {}
        self._looked_up: set[str] = set()
        self._models: set[str] = set()
        self.misplaced = False
        self.units = Units()

    def feed(self, data: bytes) -> None:
        """The next bytes. Raises TooLarge, and InvalidRequest once twenty lines are wrong."""
        self._size += len(data)
        if self._size > self._with.most.bytes:
            raise TooLarge(f"The file has more than {self._with.most.bytes} bytes, too many for a batch. Split it.")
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            complete, self._rest, self._rest_size = b"".join((*self._rest, whole)), [], 0
            with short_turns:
                for raw in complete.split(b"\n"):
                    self._take(raw)
        self._rest.append(rest)
        self._rest_size += len(rest)
        if self._rest_size > _LONGEST_LINE:
            raise InvalidRequest(f"The file has a line of more than {_LONGEST_LINE} bytes.", param="file")

    def finish(self) -> list[Unit]:
        """Every input, complete, the default target's first. Raises InvalidRequest with what is wrong."""
        self._take(b"".join(self._rest))
        self._rewrite()
        self._findings.check()
        if not self._checker.count:
            raise InvalidRequest("The file has no lines. Send one JSON object a line.", param="file")
        units = self.units.finished()
        if len(self._models) == 1:  # all lines name one model: should it be a target, it is the default one
            units.sort(key=lambda unit: unit.target not in self._models)
        return units

    def _take(self, raw: bytes) -> None:
        line = self._checker.check(raw)
        if line is None:
            return
        self._models = {*self._models, line.model} if len(self._models) < 2 else self._models
        try:
            self._gathered.append((line, references(line.body, line.url)))
        except InvalidRequest as error:
            self._findings.add(line.number, error.message)
        self._gathered_bytes += len(raw)
        if len(self._gathered) == _GATHERED_LINES or self._gathered_bytes > _GATHERED_BYTES:
            self._rewrite()

    def _rewrite(self) -> None:
        gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
        named = {item.file_id for _, found in gathered for item in found if item.managed}
        if unknown := named - self._looked_up:
            self._files |= self._with.repository.files_of_caller(sorted(unknown), self._caller)
            self._looked_up |= unknown
        for line, found in gathered:
            for target in self._targets or (None,):
                try:
                    self._place(line, found, target)
                except InvalidRequest as error:
                    self.misplaced = True
                    self._findings.add(line.number, f"{error.param}: {error.message}" if error.param else error.message)

    def _place(self, line: Line, found: list[Reference], target: str | None) -> None:
        files = {item.file_id: self._copies(item) for item in found}
        model = target or line.model
        deployment = choose(model, line.url, files, self._groups, self._offers, self._caller, self._now)
        key, body = line.key, {**line.body, "model": model}
        api = self._with.providers[deployment.account.name].batches()
        if api is None or runs_itself(deployment, line.url, self._offers):
            item, held, limits = keyed(key, line.url, body), False, _NO_LIMITS
        else:
            native = self._native(line, body, found, files, deployment)
            item, held, limits = api.line(key, line.url, native, deployment), api.holds_input, api.limits

        def new(spool: Spool) -> Unit:
            return Unit(target, deployment, line.url, held, spool)

        self.units.add((target, place_of(deployment)), new, limits, key, line.custom_id, dumped(item))

    def _copies(self, item: Reference) -> tuple[Copy, ...]:
        """A provider's own id belongs to a chat that an admin sends, where somebody sees what comes of it."""
        if not item.managed or item.file_id not in self._files:
            raise InvalidRequest(no_such_file(item.file_id).message, param=item.param)
        return self._files[item.file_id]

    def _native(
        self,
        line: Line,
        body: dict[str, object],
        found: list[Reference],
        files: Mapping[str, Sequence[Copy]],
        deployment: Deployment,
    ) -> dict[str, object]:
        asked = Asked(body, found, files)
        if line.url != CHAT:
            return self._with.calls.relayed(deployment, asked)
        return self._with.calls.translated(deployment, asked)[0]


def offers_of(providers: Mapping[str, Provider]) -> Offers:
    """What can be done with lines at each account."""
    return Offers(
        {name: api.endpoints for name, provider in providers.items() if (api := provider.batches())},
        {name: provider.relays for name, provider in providers.items()},
    )
