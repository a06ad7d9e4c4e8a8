"""The contract that a provider's batch API keeps. Knows no provider and no web framework."""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, TypeVar

from managed_files.batch_records import CHAT, BatchLimits, Job, JobOrder, LineResult, Part
from managed_files.errors import GatewayError
from managed_files.providers.wire import Wire
from managed_files.records import Deployment

PATIENCE = 60.0  # seconds of silence after which a call about jobs is given up; a look-up sooner, see `wire`

T = TypeVar("T")


class BatchApi(ABC):
    """Jobs at one account. Made once per account and process, used by many threads at once.

    Every failure is a ProviderFailed with its cause; no secret is in any message. Lines go out under keys of ours
    (decimal numbers), so that no provider's rule about ids, and none of the client's ids, stands in the way.
    """

    holds_input: ClassVar[bool]  # True: the input is a stored file that can be read back; False: lines wait with us
    endpoints: ClassVar[tuple[str, ...]] = (CHAT,)
    limits: ClassVar[BatchLimits] = BatchLimits()

    def takes(self, part: Part) -> bool:
        """Whether the part runs here. What is at the provider already stays there, whatever `endpoints` says by now."""
        return part.endpoint in self.endpoints or part.unsure or part.job is not None or part.stored_as is not None

    @abstractmethod
    def line(self, key: str, endpoint: str, body: dict[str, Any], deployment: Deployment) -> dict[str, Any]:
        """One line of the provider's input. Pure. `body` is in the provider's dialect already.

        Raises InvalidRequest for a body that this provider takes in chats but not in batches.
        """

    @abstractmethod
    def key_of(self, line: dict[str, Any]) -> str:
        """The key that `line` put there. Pure."""

    @abstractmethod
    def create(self, order: JobOrder) -> str:
        """Makes the job; its remote id. What a failed call may have left, `find` finds and `discard` removes."""

    @abstractmethod
    def find(self, part_id: str, deployment: Deployment, since: float, until: float = math.inf) -> str | None:
        """The remote id of the job that an interrupted `create` left, if it did; made between these Unix seconds."""

    @abstractmethod
    def job(self, job_id: str) -> Job:
        """How far it is. A job that the provider does not know any more has FAILED."""

    @abstractmethod
    def cancel(self, job_id: str) -> None:
        """Asks for the end of the job. One that has ended already, or is gone, is success."""

    @abstractmethod
    def results(self, job: Job) -> Iterator[LineResult]:
        """What became of the lines, as a stream, in any order; memory stays flat. Lines may be missing."""

    @abstractmethod
    def discard(self, part_id: str, deployment: Deployment, job: Job | None) -> None:
        """Deletes what the job wrote or needed, and the job where that can be deleted. Already gone is success.

        `job`: as it was last seen, None if none was ever seen. Not the stored input: that is a copy of its own, which
        `Provider.delete` deletes.
        """


def keyed(key: str, endpoint: str, body: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's own line."""
    return {"custom_id": key, "method": "POST", "url": endpoint, "body": body}


def refused(key: str, failure: GatewayError) -> LineResult:
    """A line that was refused, in the words that the same chat gets."""
    error = {"message": failure.message, "type": failure.type, "param": failure.param, "code": failure.code}
    return LineResult(key, failure.http_status, {"error": error})


def json_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of a text that arrives in pieces, without their newlines; blank ones are left out."""
    begun: list[bytes] = []  # a line with a file in it spans hundreds of pieces: they are joined once
    for piece in pieces:
        first, *others = piece.split(b"\n")
        begun.append(first)
        if others:
            *whole, rest = b"".join(begun), *others
            yield from (line for line in whole if line.strip())
            begun = [rest]
    if (last := b"".join(begun)).strip():
        yield last


def results_in(pieces: Iterable[bytes], wire: Wire, read: Callable[[dict[str, Any]], T]) -> Iterator[T]:
    """What `read` makes of the lines of a file of results. Raises ProviderFailed for a line that it cannot read."""
    for text in json_lines(pieces):
        try:
            result = read(json.loads(text))
        except (ValueError, LookupError, TypeError, AttributeError) as odd:
            raise wire.nonsense("a result that is not a line of a batch") from odd
        yield result
