"""How a batch ends, out of how its parts ended; and what it is called until then. Pure."""

from collections.abc import Collection

from managed_files.batch_records import Batch

FINAL = frozenset({"completed", "failed", "expired", "cancelled"})


def ended_as(states: Collection[str], *, cancelling: bool) -> str:
    """The status of a batch all of whose parts have ended, in one of the states in `FINAL` each.

    A part that fails takes its lines with it and not the batch, unless there is no other; one that runs out of time
    makes the batch an expired one only if no part was completed. A batch that somebody cancelled is cancelled, unless
    every part was completed before that reached it.
    """
    if cancelling and set(states) != {"completed"}:
        return "cancelled"
    return next(status for status in ("completed", "expired", "cancelled", "failed") if status in states)


def shown(batch: Batch) -> str:
    """The status in OpenAI's words: a batch that is kept as `in_progress` may not have begun, or be all but done."""
    if batch.status in FINAL:
        return batch.status
    if batch.collected or set(batch.states) <= FINAL:
        return "finalizing"
    if batch.status == "in_progress" and batch.in_progress_at is None:
        return "validating"
    return batch.status
