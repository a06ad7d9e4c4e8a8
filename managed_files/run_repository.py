"""The tables of lines that the gateway runs itself: chunks under lease, and a result a line. Knows no HTTP."""

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from managed_files import queries
from managed_files.batch_records import LineResult, Part, Place, Run
from managed_files.database import Database
from managed_files.records import Caller

_RESULTS = 64  # read at a time


class RunRepository:
    """Any number of nodes may claim chunks at the same time; none gets another's."""

    def __init__(self, database: Database):
        self._db = database
        self._sql = queries.load()

    def begin(self, part: Part, pause: float) -> bool:
        """The part's chunks may be claimed from now on; the part itself is looked after in `pause` seconds.

        False: its lines are not there any more, or somebody else has the part.
        """
        params = {"id": part.id, "claimed_at": part.claimed_at, "pause": pause}
        return bool(self._db.write(self._sql["begin_runs"], params))

    def claim(self, accounts: Sequence[str], lease: float) -> Run | None:
        """The next free chunk at one of the accounts."""
        rows = self._db.write(self._sql["claim_run"], {"accounts": list(accounts), "lease": lease})
        if not rows:
            return None
        row = rows[0]
        given = {name: row[name] for name in ("batch_id", "number", "chunk", "endpoint", "claimed_at")}
        caller = Caller(row["owner"], row["team"], tuple(row["models"]), row["admin"])
        place = Place(row["model_group"], row["deployment"], row["account"], row["provider"])
        lines = tuple(zlib.decompress(row["data"]).splitlines())
        return Run(**given, place=place, caller=caller, lines=lines, done=frozenset(row["done"]))

    def renew_leases(self, ids: Sequence[str], lease: float) -> None:
        """Keeps chunks that are being run, each by its `Run.id`."""
        batch_ids, numbers, chunks = zip(*(name.split(":") for name in ids), strict=True)
        params = {"batch_ids": list(batch_ids), "numbers": list(map(int, numbers)), "chunks": list(map(int, chunks))}
        self._db.write(self._sql["renew_runs"], params | {"lease": lease})

    def is_wanted(self, run: Run) -> bool:
        """False: the part has ended, and its lines are nobody's any more; or they are somebody else's by now."""
        return bool(self._db.read(self._sql["run_is_wanted"], _key(run) | {"claimed_at": run.claimed_at}))

    def free(self, run: Run) -> None:
        """Lets whoever comes next go on with the chunk."""
        self._db.write(self._sql["free_run"], _key(run) | {"claimed_at": run.claimed_at})

    def keep(self, run: Run, result: LineResult) -> None:
        """What came of one line; the first answer stays."""
        told = {"status": result.status, "body": result.body, "code": result.code, "message": result.message}
        data = zlib.compress(json.dumps(told).encode())
        self._db.write(self._sql["keep_result"], _key(run) | {"key": result.key, "data": data})

    def end(self, run: Run) -> None:
        """Every line of the chunk has its result. The last chunk brings its part to be looked after at once."""
        self._db.write(self._sql["end_run"], _key(run))
        self._db.write(self._sql["wake_part"], {"batch_id": run.batch_id, "number": run.number})

    def progress(self, part: Part) -> tuple[int, int]:
        """How many lines are done, how many chunks are left."""
        params = {"batch_id": part.batch_id, "number": part.number}
        row = self._db.read(self._sql["progress_of_runs"], params)[0]
        return row["done"], row["left"]

    def results(self, part: Part) -> Iterator[LineResult]:
        """What came of the part's lines, a few in memory at a time."""
        place: dict[str, Any] = {"after_chunk": -1, "after_key": ""}
        asked = {"batch_id": part.batch_id, "number": part.number, "limit": _RESULTS}
        while rows := self._db.read(self._sql["results_of_runs"], asked | place):
            yield from (LineResult(row["key"], **json.loads(zlib.decompress(row["data"]))) for row in rows)
            place = {"after_chunk": rows[-1]["chunk"], "after_key": rows[-1]["key"]}


def _key(run: Run) -> dict[str, Any]:
    return {"batch_id": run.batch_id, "number": run.number, "chunk": run.chunk}
