"""The tables of batches, one method per statement, rows in and records out. Knows no HTTP."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from managed_files import custom_ids, queries
from managed_files.batch_records import Batch, Count, Input, Job, JobState, NewBatch, Once, Part, Place
from managed_files.database import Database, Row, storable
from managed_files.records import Caller

_CHUNKS = 8  # read at a time: a few MiB at most
_FAST = 1  # zlib's level: a third of the usual one's time, and a tenth more room


class BatchRepository:
    """Inputs, batches and their parts."""

    def __init__(self, database: Database):
        self._db = database
        self._sql = queries.load()

    def settle_file(self, inputs: Sequence[Input], file_id: str, size: int, sha256: bytes) -> bool:
        """Makes a file of lines visible, with what it was rewritten to. False: its lease was lost."""
        params = {
            "id": file_id,
            "bytes": size,
            "sha256": sha256,
            "numbers": [item.number for item in inputs],
            "targets": [item.target for item in inputs],
            "model_groups": [item.place.model_group for item in inputs],
            "deployments": [item.place.deployment for item in inputs],
            "accounts": [item.place.account for item in inputs],
            "providers": [item.place.provider for item in inputs],
            "endpoints": [item.endpoint for item in inputs],
            "lines": [item.lines for item in inputs],
            "custom_ids": [item.custom_ids for item in inputs],
            "stored_as": [item.stored_as for item in inputs],
        }
        return bool(self._db.put(self._sql["settle_batch_file"], params))

    def keep_lines(self, file_id: str, number: int, chunk: int, lines: bytes) -> None:
        """Keeps a chunk of an input's lines, compressed."""
        params = {"file_id": file_id, "input": number, "chunk": chunk, "data": zlib.compress(lines, _FAST)}
        self._db.write(self._sql["keep_lines"], params)

    def lines(self, file_id: str, number: int) -> Iterator[bytes]:
        """The lines of an input that no provider holds, as they were kept; a few chunks in memory at a time."""
        after = -1
        while rows := self._db.read(
            self._sql["lines_of_input"], {"file_id": file_id, "input": number, "after": after, "limit": _CHUNKS}
        ):
            for row in rows:
                yield from zlib.decompress(row["data"]).splitlines()
            after = rows[-1]["chunk"]

    def inputs(self, file_id: str) -> list[Input]:
        """What a file was rewritten to; without the custom ids."""
        rows = self._db.read(self._sql["inputs_of_file"], {"file_id": file_id})
        return [_input(row) for row in rows]

    def create(self, batch: NewBatch, parts: Mapping[int, str], once: Once | None = None) -> bool:
        """The batch and its parts, by number of input → id. False: the file has just been deleted, or it was made."""
        params = {
            "id": batch.id,
            "owner": batch.caller.user_id,
            "team": batch.caller.team_id,
            "models": list(batch.caller.models),
            "admin": batch.caller.admin,
            "input_file_id": batch.input_file_id,
            "target": batch.target,
            "endpoint": batch.endpoint,
            "completion_window": batch.completion_window,
            "window": batch.window,
            "metadata": None if batch.metadata is None else Jsonb(dict(batch.metadata)),
            "output_expires_after": batch.output_expires_after,
            "webhook_url": batch.webhook_url,
            "numbers": list(parts),
            "part_ids": list(parts.values()),
            "idempotency_key": once and once.key,
            "request": once and once.request,
        }
        return bool(self._db.write(self._sql["create_batch"], params))

    def of_idempotency_key(self, owner: str, key: str) -> tuple[str, bytes] | None:
        """The id of the batch that was made under the key, and the digest of the request."""
        rows = self._db.read(self._sql["batch_of_idempotency_key"], {"owner": owner, "key": key})
        return (rows[0]["batch_id"], bytes(rows[0]["request"])) if rows else None

    def get(self, batch_id: str, caller: Caller) -> Batch | None:
        """One batch, if this caller may see it."""
        rows = self._db.read(self._sql["batch_of_caller"], {"id": batch_id} | _identity(caller))
        return batch_of(rows[0]) if rows else None

    def page(self, caller: Caller, *, after: str | None, limit: int, status: str | None) -> list[Batch]:
        """The caller's own and its team's batches, newest first."""
        params = _identity(caller) | {"after": after, "limit": limit, "status": status}
        return [batch_of(row) for row in self._db.read(self._sql["list_batches"], params)]

    def cancel(self, batch_id: str, actor: str) -> None:
        """Asks for the end of a batch; nothing happens to one that has ended."""
        self._db.write(self._sql["cancel_batch"], {"id": batch_id, "actor": actor})

    def running_of(self, file_id: str) -> list[str]:
        """The batches that still run from a file."""
        return [row["id"] for row in self._db.read(self._sql["running_batches_of"], {"file_id": file_id})]

    def parts(self, batch_id: str) -> list[Part]:
        """Every part, in order."""
        return [_part(row) for row in self._db.read(self._sql["parts_of_batch"], {"batch_id": batch_id})]

    def custom_ids(self, part: Part) -> dict[str, str]:
        """Key → the client's id, of every line of the part: some MiB."""
        rows = self._db.read(self._sql["custom_ids_of_part"], {"id": part.id})
        return custom_ids.unpacked(rows[0]["custom_ids"])

    def claim_part(
        self, busy: Sequence[str], *, lease: float, pause: float, batch_id: str | None = None, stale: float = 0.0
    ) -> Part | None:
        """A part that something is due for; nobody else gets it for `lease` seconds, or until the step is noted.

        `busy`: accounts that get no more for now. `batch_id`: of this batch only, also one that was looked after more
        than `stale` seconds ago.
        """
        params = {"busy": list(busy), "lease": lease, "pause": pause, "batch_id": batch_id, "stale": stale}
        rows = self._db.write(self._sql["claim_due_part"], params)
        return _part(rows[0]) if rows else None

    def renew_leases(self, ids: Sequence[str], lease: float) -> None:
        """Keeps parts that are worked on from being taken for left ones."""
        self._db.write(self._sql["renew_part_leases"], {"ids": list(ids), "lease": lease})

    def begin_job(self, part: Part) -> bool:
        """Intent first: who takes the part up after a crash has to look for its job. False: somebody else has it."""
        return bool(self._db.write(self._sql["begin_job"], _claim(part)))

    def note_job(self, part: Part, job_id: str, pause: float) -> bool:
        """The part's job exists. False: it has another one, or has ended without any."""
        return bool(self._db.write(self._sql["note_job"], {"id": part.id, "job_id": job_id, "pause": pause}))

    def note(self, part: Part, job: Job) -> bool:
        """How far the part's job is. Whoever notes its end holds it on, to count it. False: somebody else has it."""
        params = _claim(part) | {
            "state": job.state,
            "completed": job.completed,
            "failed": job.failed,
            "outputs": list(job.outputs),
            "error": storable(job.error),
            "ended": job.state.ended,
        }
        return bool(self._db.write(self._sql["note_part"], params))

    def note_error(self, part: Part, error: str, delay: float, *, sure: bool = False) -> None:
        """Why the last step failed; `delay` seconds to the next one. `sure`: it left no job behind."""
        params = _claim(part) | {"error": storable(error[:500]), "delay": delay, "sure": sure}
        self._db.write(self._sql["note_part_error"], params)

    def give_up(self, part: Part, error: str) -> None:
        """The part has failed as a whole, whatever it was at; its lines are counted next."""
        self._db.write(self._sql["give_up_part"], _claim(part) | {"error": storable(error[:500])})

    def count(self, part: Part, count: Count) -> bool:
        """The part is done but for its batch. False: somebody else has counted it."""
        params = _claim(part) | {
            "completed": count.completed,
            "failed": count.failed,
            "output_bytes": count.output_bytes,
            "error_bytes": count.error_bytes,
            "usage": Jsonb(dict(count.usage)) if count.usage else None,
        }
        return bool(self._db.write(self._sql["count_part"], params))

    def to_settle(self, limit: int, batch_id: str | None = None) -> list[Row]:
        """Batches whose parts are all counted: id, owner, team, status, states, completed, failed."""
        return self._db.read(self._sql["batches_to_settle"], {"limit": limit, "id": batch_id})

    def settle(self, batch_id: str, status: str, output_file_id: str | None, error_file_id: str | None) -> bool:
        """The batch has ended. False: it had already."""
        params = {
            "id": batch_id,
            "status": status,
            "output_file_id": output_file_id,
            "error_file_id": error_file_id,
        }
        return bool(self._db.write(self._sql["settle_batch"], params))

    def forget_results(self, part: Part) -> None:
        """The part has left nothing at its provider."""
        self._db.write(self._sql["forget_results"], {"id": part.id})

    def claim_webhook(self) -> Row | None:
        """The next batch whose end is to be told: id, webhook_url, status, attempts, ended_at."""
        rows = self._db.write(self._sql["claim_webhook"])
        return rows[0] if rows else None

    def end_webhook(self, batch_id: str) -> None:
        """Nobody is to be told of the batch's end any more."""
        self._db.write(self._sql["end_webhook"], {"id": batch_id})

    def by_id(self, batch_id: str) -> Batch:
        """A batch that is known to be there, whoever asks."""
        return batch_of(self._db.read(self._sql["batch_by_id"], {"id": batch_id})[0])


def batch_of(row: Row) -> Batch:
    """A row of batch_objects."""
    given = {name: row[name] for name in Batch.__dataclass_fields__}
    given |= {name: tuple(row[name] or ()) for name in ("states", "usage", "parts")}
    return Batch(**given | {name: int(row[name] or 0) for name in ("total", "completed", "failed")})


def _input(row: Row) -> Input:
    return Input(
        row["number"], row["target"], _place(row), row["endpoint"], row["lines"], row["stored_as"], row["readable"]
    )


def _part(row: Row) -> Part:
    return Part(
        id=row["id"],
        batch_id=row["batch_id"],
        number=row["number"],
        place=_place(row),
        file_id=row["file_id"],
        input=row["input"],
        stored_as=row["stored_as"],
        endpoint=row["endpoint"],
        lines=row["lines"],
        state=row["state"],
        results=row["results"],
        attempts=row["attempts"],
        unsure=row["unsure"],
        searched_at=row["searched_at"],
        created_at=row["created_at"],
        window=row["window_seconds"],
        owner=row["owner"],
        team=row["team"],
        cancelling=row["batch_status"] == "cancelling",
        overdue=row["late"] >= 0,
        job=_job(row),
        error=row["error"],
        late=row["late"],
        searched_for=row["searched_for"] or 0.0,
        claimed_at=row["claimed_at"],
    )


def _job(row: Row) -> Job | None:
    if row["job_id"] is None:
        return None
    return Job(
        row["job_id"], JobState(row["state"]), row["completed"], row["failed"], tuple(row["outputs"]), row["error"]
    )


def _place(row: Row) -> Place:
    return Place(row["model_group"], row["deployment"], row["account"], row["provider"])


def _claim(part: Part) -> dict[str, Any]:
    """Names the part as long as nobody else has claimed it since."""
    return {"id": part.id, "claimed_at": part.claimed_at}


def _identity(caller: Caller) -> dict[str, Any]:
    return {"user_id": caller.user_id, "team_id": caller.team_id, "admin": caller.admin}
