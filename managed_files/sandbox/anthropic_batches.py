"""Anthropic's Message Batches: create, list, retrieve, cancel, delete, results. Wire facts: the `anthropic` package."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from managed_files.sandbox.anthropic_access import Access
from managed_files.sandbox.anthropic_batch import Answer, MessageBatch
from managed_files.sandbox.anthropic_batch_body import NotTheShape, requests_in
from managed_files.sandbox.anthropic_errors import bad, refused
from managed_files.sandbox.batch_jobs import BatchJobs
from managed_files.sandbox.job_book import JobBook
from managed_files.sandbox.json_text import compact
from managed_files.sandbox.store import Shelf, Writer
from managed_files.sandbox.wire import Reply, Request, json_reply

_MOST_REQUESTS, _MOST_BYTES = 100_000, 256_000_000
_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_JSONL = {"Content-Type": "application/x-jsonl"}


class MessageBatches(JobBook[MessageBatch]):
    """All batches of all workspaces, and their handlers. Safe from any thread."""

    def __init__(self, shelf: Shelf, jobs: BatchJobs, answer: Answer, url: Callable[[], str]):
        super().__init__(jobs)
        self._shelf = shelf
        self._answer = answer
        self._url = url

    def clear(self) -> None:
        batches = self.jobs.values()
        super().clear()
        for batch in batches:
            batch.remove()

    # Handlers

    def create(self, request: Request, access: Access) -> Reply:
        with self._shelf.writer() as writer:
            spans = _kept(request, writer)
            batch = MessageBatch(access, writer.commit(), spans, self._shelf, self._answer)
        self.note(batch.id, batch)
        reply = json_reply(batch.public(self._url()))
        self.worker.submit(batch)
        return reply

    def page(self, request: Request, access: Access) -> Reply:
        """Newest first. Both versions of the API page by ids."""
        batches = [one for one in reversed(list(self.jobs.values())) if one.access.workspace == access.workspace]
        start, stop, more = _window(request.query, [one.id for one in batches])
        data = [one.public(self._url()) for one in batches[start:stop]]
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        return json_reply({"data": data, "has_more": more, "first_id": first, "last_id": last})

    def retrieve(self, request: Request, access: Access) -> Reply:
        return json_reply(self._known(request, access).public(self._url()))

    def cancel(self, request: Request, access: Access) -> Reply:
        batch = self._known(request, access)
        batch.cancel()
        reply = json_reply(batch.public(self._url()))
        self.worker.hurry(batch)
        return reply

    def delete(self, request: Request, access: Access) -> Reply:
        batch = self._known(request, access)
        if not batch.ended:
            raise bad(f"Message Batch {batch.id} cannot be deleted while it is being processed. Cancel it first.")
        self.drop(batch.id)
        batch.remove()
        return json_reply({"id": batch.id, "type": "message_batch_deleted"})

    def results(self, request: Request, access: Access) -> Reply:
        batch = self._known(request, access)
        if batch.results is None:
            raise refused(404, f"Results of Message Batch {batch.id} are not available yet.")
        return Reply(200, batch.results.pieces(0, batch.results.size), _JSONL)

    def _known(self, request: Request, access: Access) -> MessageBatch:
        """Raises a 404, as for a batch that is another's."""
        batch = self.jobs.get(request.args["id"])
        if batch is None or batch.access.workspace != access.workspace:
            raise refused(404, f"Message Batch {request.args['id']} not found.")
        return batch


def _window(query: Mapping[str, str], ids: list[str]) -> tuple[int, int, bool]:
    """Where the page begins and ends, and whether there is more in its direction."""
    limit = query.get("limit", "20")
    if not limit.isdigit() or not 1 <= int(limit) <= 1000:
        raise bad("limit: Input should be between 1 and 1000")
    for name in ("after_id", "before_id"):
        if name in query and query[name] not in ids:
            raise bad(f"{name}: Invalid cursor")
    if "before_id" in query:
        stop = ids.index(query["before_id"])
        return max(stop - int(limit), 0), stop, stop > int(limit)
    start = ids.index(query["after_id"]) + 1 if "after_id" in query else 0
    return start, start + int(limit), start + int(limit) < len(ids)


def _kept(request: Request, writer: Writer) -> list[tuple[int, int]]:
    """Writes each request as a line; where each one starts, and its length. Raises a 400 or 413."""
    spans: list[tuple[int, int]] = []
    seen: set[str] = set()
    try:
        for number, one in enumerate(requests_in(_limited(request))):
            seen.add(_checked(one, number, seen))
            line = compact(one)
            spans.append((writer.size, len(line)))
            writer.write(line + b"\n")
    except NotTheShape as error:
        raise bad("requests: Field required") from error
    except ValueError as error:
        raise bad(f"The request body is not valid JSON: {error}") from error
    if not spans:
        raise bad("requests: List should have at least 1 item after validation, not 0")
    if len(spans) > _MOST_REQUESTS:
        raise bad(f"requests: List should have at most {_MOST_REQUESTS} items after validation, not {len(spans)}")
    return spans


def _limited(request: Request) -> Iterator[bytes]:
    size = 0
    for piece in request.body:
        size += len(piece)
        if size > _MOST_BYTES:
            raise refused(413, "Request exceeds the maximum size")
        yield piece


def _checked(one: Any, number: int, seen: set[str]) -> str:
    """The custom id."""
    where = f"requests.{number}"
    if not isinstance(one, dict):
        raise bad(f"{where}: Input should be a valid dictionary")
    for name in ("custom_id", "params"):
        if name not in one:
            raise bad(f"{where}.{name}: Field required")
    for extra in one.keys() - {"custom_id", "params"}:
        raise bad(f"{where}.{extra}: Extra inputs are not permitted")
    custom_id = one["custom_id"]
    if not isinstance(custom_id, str) or not _CUSTOM_ID.fullmatch(custom_id):
        raise bad(f"{where}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
    if custom_id in seen:
        raise bad(f"{where}.custom_id: Duplicate custom_id: {custom_id}")
    if not isinstance(one["params"], dict):
        raise bad(f"{where}.params: Input should be a valid dictionary")
    return custom_id
