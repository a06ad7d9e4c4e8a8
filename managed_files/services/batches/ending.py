"""How a batch ends, out of how its parts ended; and what it is called until then. Pure."""

from collections.abc import Collection

from managed_files.batch_records import Batch

FINAL = frozenset({"completed", "failed", "expired", "cancelled"})


def ended_as(states: Collection[str], *, cancelling: bool) -> str:
    """The status of a batch all of whose parts have ended, in one of the states in `FINAL` each.

    A part that fails takes its lines with it and not the batch, unless there is no other. A batch that somebody
    cancelled is cancelled as soon as one part was, and one of which a part ran out of time has expired only if no other
    part was completed.
    """
    if cancelling and "cancelled" in states:
        return "cancelled"
    if "completed" in states:
        return "completed"
    for status in ("expired", "cancelled"):
        if status in states:
            return status
    return "failed"


def shown(batch: Batch) -> str:
    """The status in OpenAI's words: a batch that is kept as `in_progress` may not have begun, or be all but done."""
    if batch.status in FINAL:
        return batch.status
    if batch.collected or set(batch.states) <= FINAL:
        return "finalizing"
    if batch.status == "in_progress" and batch.in_progress_at is None:
        return "validating"
    return batch.status
