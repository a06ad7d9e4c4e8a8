"""Anthropic's Message Batches: requests in one body, results as lines. Knows how a batch without a name is recognised.

Source: the `anthropic` package 2.12 (resources/messages/batches), Anthropic's "Batch processing".
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from managed_files.batch_records import BatchLimits, Job, JobOrder, JobState, LineResult
from managed_files.errors import InvalidRequest, ProviderFailed
from managed_files.providers.anthropic_results import result_of, state_of
from managed_files.providers.batches import PATIENCE, BatchApi, results_in
from managed_files.providers.line_file import LineFile
from managed_files.providers.wire import Wire
from managed_files.records import Deployment
from managed_files.slices import Slice

_PROVIDER = "anthropic"
_PAGE = 100
_ID = re.compile(rb'\{\s*"custom_id"\s*:\s*"')

Json = dict[str, Any]


class AnthropicBatches(BatchApi):
    """Jobs of any models. The limits are below Anthropic's 256 MB, as every line's id grows by the part's name.

    A batch has no name and no metadata, so each request's id becomes `<part id>-<key>`: with it `find` recognises a
    batch by the first of its results. Until it has ended nothing tells whose it is.
    """

    holds_input = False
    limits = BatchLimits(lines=100_000, bytes=200_000_000)

    def __init__(self, wire: Wire, url: Callable[[str], str], headers: Callable[[], dict[str, str]]):
        """`url` gives the address of a path below the API's version; `headers` those of a chat."""
        self._wire = wire.within(PATIENCE)
        self._patient = wire
        self._url = url
        self._headers = headers

    def line(self, key: str, endpoint: str, body: Json, deployment: Deployment) -> Json:
        """The id has to come first: `create` writes the part's name into it without parsing the line."""
        if body.get("stream"):
            raise InvalidRequest("Anthropic's batches do not stream. Leave `stream` out.", param="stream")
        return {"custom_id": key, "params": body}

    def key_of(self, line: Json) -> str:
        return str(line["custom_id"])

    def create(self, order: JobOrder) -> str:
        with LineFile(_document(order.lines or (), order.part_id)) as file:
            body = Slice(file.open(), file.size())
            made = self._patient.call("POST", self._url("messages/batches"), headers=self._headers(), body=body)
        if not isinstance(made.get("id"), str):
            raise self._wire.nonsense("a batch without an id")
        return str(made["id"])

    def find(self, part_id: str, deployment: Deployment, since: float, until: float = math.inf) -> str | None:
        """Raises a retryable, ambiguous ProviderFailed while one that may be ours still runs."""
        running = []
        for batch in self._between(since, until):
            if batch.get("processing_status") != "ended":
                running.append(batch["id"])
            elif batch.get("results_url") and self._is_of(part_id, batch["id"]):
                return str(batch["id"])
        if running:
            message = f"{_PROVIDER}: whether {running[0]} is the batch in question shows only when it has ended."
            raise ProviderFailed(_PROVIDER, message, retryable=True, ambiguous=True)
        return None

    def job(self, job_id: str) -> Job:
        try:
            batch = self._wire.call("GET", self._batch(job_id), headers=self._headers())
        except ProviderFailed as failure:
            if failure.upstream_status != 404:
                raise
            return Job(job_id, JobState.FAILED, error=f"{_PROVIDER} does not know the job any more.")
        state = state_of(batch)
        if not state.ended:  # until then Anthropic counts every request as being processed
            return Job(job_id, state)
        counts = batch["request_counts"]
        return Job(job_id, state, counts["succeeded"], counts["errored"])

    def cancel(self, job_id: str) -> None:
        try:
            self._wire.send("POST", self._batch(job_id, "/cancel"), headers=self._headers(), accept=(404,))
        except ProviderFailed as failure:
            if failure.upstream_status not in (400, 409) or not self.job(job_id).state.ended:
                raise

    def results(self, job: Job) -> Iterator[LineResult]:
        with closing(self._wire.download(self._batch(job.id, "/results"), headers=self._headers())) as pieces:
            yield from results_in(pieces, self._wire, result_of)

    def discard(self, part_id: str, deployment: Deployment, job: Job | None) -> None:
        """The batch with its results. One that has not ended cannot be deleted: it is cancelled, for the next time."""
        if job is None:
            return
        try:
            self._wire.send("DELETE", self._batch(job.id), headers=self._headers(), accept=(404,))
        except ProviderFailed as failure:
            if failure.upstream_status in (400, 409):
                self.cancel(job.id)
                failure.retryable = True
            raise

    def _between(self, since: float, until: float) -> Iterator[Json]:
        """Newest first. Times in Unix seconds."""
        query: dict[str, str] | None = {"limit": str(_PAGE)}
        while query:
            url = f"{self._url('messages/batches')}?{urlencode(query)}"
            page = self._wire.call("GET", url, headers=self._headers())
            for batch in page.get("data") or ():
                moment = datetime.fromisoformat(batch["created_at"]).timestamp()
                if moment < since:
                    return
                if moment <= until:
                    yield batch
            query = {"limit": str(_PAGE), "after_id": str(page["last_id"])} if page.get("has_more") else None

    def _is_of(self, part_id: str, job_id: str) -> bool:
        try:
            pieces = self._wire.download(self._batch(job_id, "/results"), headers=self._headers())
        except ProviderFailed as failure:
            if failure.upstream_status == 404:
                return False
            raise
        with closing(pieces):
            ids = results_in(pieces, self._wire, lambda line: str(line["custom_id"]))
            return next(ids, "").startswith(f"{part_id}-")

    def _batch(self, job_id: str, below: str = "") -> str:
        return self._url(f"messages/batches/{quote(job_id, safe='')}{below}")


def _document(lines: Iterable[bytes], part_id: str) -> Iterator[bytes]:
    """The request's JSON, cut where JSON allows a newline."""
    yield b'{"requests":['
    comma = b""
    for line in lines:
        found = _ID.match(line)
        if found is None:
            raise ValueError("a line that does not begin with its custom_id")
        yield b"%b%b%b-%b" % (comma, found[0], part_id.encode(), line[found.end() :])
        comma = b","
    yield b"]}"
