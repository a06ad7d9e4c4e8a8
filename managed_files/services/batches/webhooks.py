"""Tells of the end of batches where their callers asked for it, until somebody has heard. Knows no Flask and no SQL."""

import json
import logging
import time
from concurrent.futures import Future, wait
from functools import partial

from managed_files.batch_repository import BatchRepository
from managed_files.database import Row
from managed_files.errors import InvalidRequest
from managed_files.fanout import Fanout, Outcome
from managed_files.services.batches.receivers import Receivers
from managed_files.upstream import Upstream
from managed_files.webhook_signature import signed

_AT_ONCE = 16
_TIMEOUT = 10.0  # seconds of a receiver's silence
_PATIENCE = 2.0  # seconds that a pass waits for its receivers; they may take longer, it goes on
_GIVEN_UP = 3 * 86_400  # seconds after the batch's end
_GONE = 410  # the specification's word for: send no more
log = logging.getLogger(__name__)


class Webhooks:
    """An event is sent at least once: it is claimed before each attempt, and ended only after an answer."""

    def __init__(
        self, repository: BatchRepository, upstream: Upstream, receivers: Receivers, key: bytes | None, fanout: Fanout
    ):
        """`key` signs; without one nothing is sent. `fanout`: for receivers alone, as they may hold its threads."""
        self._repository = repository
        self._upstream = upstream
        self._receivers = receivers
        self._key = key
        self._fanout = fanout
        self._running: list[Future[Outcome[None]]] = []

    def run_once(self) -> int:
        """Begins what is due, as far as slow receivers leave room; how many attempts that were."""
        if self._key is None:
            return 0
        self._running = [future for future in self._running if not future.done()]
        begun = list[Future[Outcome[None]]]()
        while len(self._running) + len(begun) < _AT_ONCE and (row := self._repository.claim_webhook()):
            begun.append(self._fanout.submit(partial(self._tell, row, self._key)))
        self._running += begun
        wait(begun, _PATIENCE)
        return len(begun)

    def _tell(self, row: Row, key: bytes) -> None:
        """Whatever goes wrong, the claim has set the time of the next attempt."""
        try:
            self._attempt(row, key)
        except Exception as error:
            log.warning("webhook of %s, attempt %d: %s", row["id"], row["attempts"], error)

    def _attempt(self, row: Row, key: bytes) -> None:
        if row["attempts"] > 1 and time.time() - row["ended_at"] > _GIVEN_UP:
            self._end(row, f"given up after {row['attempts'] - 1} attempts")
            return
        try:
            self._receivers.check(row["webhook_url"])
        except InvalidRequest as error:  # allowed when the batch was made, but no more
            self._end(row, error.message)
            return
        status = self._post(row, key)
        if status // 100 == 2:
            self._repository.end_webhook(row["id"])
        elif status == _GONE:
            self._end(row, "the receiver wants no more")
        else:
            log.warning("webhook of %s, attempt %d: answered with %d", row["id"], row["attempts"], status)

    def _post(self, row: Row, key: bytes) -> int:
        """The status of the receiver's answer. Redirects are not followed and nothing more is read. UpstreamError."""
        event_id, body = _event(row)
        headers = {"Content-Type": "application/json", **signed(key, event_id, int(time.time()), body)}
        answer = self._upstream.send(
            "POST", row["webhook_url"], headers=headers, body=body, timeout=_TIMEOUT, stream=True
        )
        answer.raw.close()
        return answer.status_code

    def _end(self, row: Row, why: str) -> None:
        log.warning("webhook of %s is not sent any more: %s", row["id"], why)
        self._repository.end_webhook(row["id"])


def _event(row: Row) -> tuple[str, bytes]:
    """Its id, and it as OpenAI's webhooks are (`WebhookBatchCompleted` and its like). A batch ends only once."""
    event_id = f"evt_{row['id']}"
    event = {
        "id": event_id,
        "object": "event",
        "created_at": row["ended_at"],
        "type": f"batch.{row['status']}",
        "data": {"id": row["id"]},
    }
    return event_id, json.dumps(event, separators=(",", ":")).encode()
