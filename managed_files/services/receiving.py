"""Takes an upload in: the form into the spool, and on to the providers while it still arrives."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from managed_files import tracing
from managed_files.errors import GatewayError, InvalidRequest, TooLarge
from managed_files.records import Caller, Deployment, FormField, FormFile
from managed_files.services.attempt import Attempt, Order, Tools
from managed_files.services.batches.intake import Intake
from managed_files.services.batches.storing import BatchUploads
from managed_files.services.batches.units import Unit
from managed_files.spool import Spool
from managed_files.upload_fields import UploadFields, parse_fields

_ENOUGH_TO_SNIFF = 2048  # bytes of the file that tell its type before the rest is in

ChooseTargets = Callable[[Caller, Sequence[str]], list[Deployment]]


class Receiving:
    """One incoming form. Sending starts once the fields before the file tell enough.

    Should fields behind the file say otherwise, what was sent is deleted and sent again as they say.
    """

    def __init__(
        self,
        tools: Tools,
        batches: BatchUploads,
        choose: ChooseTargets,
        caller: Caller,
        query: Mapping[str, Sequence[str]],
        idempotency_key: str | None,
    ):
        self._tools = tools
        self._batches = batches
        self._choose = choose
        self._caller = caller
        self._query = query
        self._idempotency_key = idempotency_key
        self._fields: list[FormField] = []
        self._part = FormFile("", None, None)
        self._spool: Spool | None = None
        self._sniffed = False
        self._attempt: Attempt | None = None
        self._lines: _Lines | None = None
        self._open = ExitStack()

    def receive(self, form: Iterable[FormField | FormFile | bytes]) -> str:
        """The id of the stored file. Whatever goes wrong, nothing stays at a provider and nothing is visible."""
        with self._open:
            try:
                for item in form:
                    self._take(item)
                return self._finish()
            except BaseException as error:
                if self._spool is not None:
                    self._spool.fail(error.message if isinstance(error, GatewayError) else "The upload was given up.")
                raise

    def _take(self, item: FormField | FormFile | bytes) -> None:
        if isinstance(item, FormField):
            self._fields.append(item)
        elif isinstance(item, FormFile):
            self._part, self._spool = item, Spool(item.expected_size)
            self._open.callback(self._spool.close)
        elif self._spool is not None:
            self._spool.write(item)
            tracing.current().bytes += len(item)
            if self._lines is not None:
                self._lines.feed(item)
            if not self._sniffed and len(self._spool.head) >= _ENOUGH_TO_SNIFF:
                self._sniffed = True
                self._begin_early(self._spool)

    def _begin_early(self, spool: Spool) -> None:
        fields = parse_fields(self._fields, self._query, complete=False)
        if fields.purpose == "batch":
            self._lines = self._read(fields, spool)
        elif fields.purpose is not None and fields.targets:
            self._attempt = self._begin(fields, spool)

    def _finish(self) -> str:
        fields = parse_fields(self._fields, self._query)
        if self._spool is None:
            raise InvalidRequest("The form has no file. Send it as the part named 'file'.", param="file")
        self._spool.finish()
        if fields.purpose == "batch":
            self._discard()
            return self._stored_lines(fields, self._spool)
        if self._attempt is None or _asks(self._attempt.order.fields) != _asks(fields):
            self._discard()
            self._attempt = self._begin(fields, self._spool)
        return self._attempt.settle()

    def _discard(self) -> None:
        if self._attempt is not None:
            self._attempt.close()

    def _stored_lines(self, fields: UploadFields, spool: Spool) -> str:
        if self._lines is None or self._lines.targets != fields.targets:
            self._lines = self._read(fields, spool)
        order = Order(self._caller, self._part, spool, fields, [], self._idempotency_key)
        return self._batches.store(order, self._lines.finish())

    def _read(self, fields: UploadFields, spool: Spool) -> "_Lines":
        """Takes in the lines that are here."""
        lines = _Lines(fields.targets, self._open.enter_context(self._batches.intake(self._caller, fields.targets)))
        for piece in spool.written():
            lines.feed(piece)
        return lines

    def _begin(self, fields: UploadFields, spool: Spool) -> Attempt:
        deployments = self._choose(self._caller, fields.targets)
        order = Order(self._caller, self._part, spool, fields, deployments, self._idempotency_key)
        attempt = Attempt(self._tools, order)
        self._open.callback(attempt.close)
        attempt.begin()
        return attempt


@dataclass(slots=True)
class _Lines:
    """A batch's lines, read for these targets. Without any, what targets might mend is told at the end of the form."""

    targets: tuple[str, ...]
    intake: Intake
    wrong: InvalidRequest | None = None

    def feed(self, data: bytes) -> None:
        """The next bytes. Raises what cannot become right any more."""
        if self.wrong is not None:
            return
        try:
            self.intake.feed(data)
        except InvalidRequest as error:
            if self.targets or not self.intake.misplaced or isinstance(error, TooLarge):
                raise
            self.wrong = error

    def finish(self) -> list[Unit]:
        """Every input. Raises InvalidRequest with what is wrong."""
        if self.wrong is not None:
            raise self.wrong
        return self.intake.finish()


def _asks(fields: UploadFields) -> tuple[object, ...]:
    return fields.purpose, fields.targets, fields.expires_after
