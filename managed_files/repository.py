"""The unified-to-provider id table, one method per statement, rows in and records out. Knows no HTTP."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from managed_files import queries
from managed_files.database import Database, Row, storable
from managed_files.ids import is_file_id
from managed_files.records import Caller, Copy, CopyState, File

_PAGES = {"asc": "list_files_asc", "desc": "list_files_desc"}
_PAGES_OF_PURPOSE = {"asc": "list_files_of_purpose_asc", "desc": "list_files_of_purpose_desc"}


@dataclass(frozen=True, slots=True)
class PlannedCopy:
    """One account that a file is meant for; `remote_id` when the gateway chooses it."""

    account: str
    provider: str
    remote_id: str | None


@dataclass(frozen=True, slots=True)
class DueCopy:
    """A copy that waits for something, and the number of this attempt at it."""

    copy: Copy
    attempt: int

    @property
    def account(self) -> str:
        return self.copy.account


class FileRepository:
    """Files and copies."""

    def __init__(self, database: Database):
        self._db = database
        self._sql = queries.load()

    def plan(
        self,
        file: File,
        copies: Sequence[PlannedCopy],
        *,
        lease: float,
        expires_after: int | None,
        idempotency_key: str | None,
        parent: str | None = None,
    ) -> bool:
        """Writes down the intent. `lease`, `expires_after` in seconds. False: the idempotency key is taken."""
        params = {
            "id": file.id,
            "parent": parent,
            "owner": file.owner,
            "team": file.team,
            "filename": file.filename,
            "purpose": file.purpose,
            "mime_type": file.mime_type,
            "lease": lease,
            "expires_after": expires_after,
            "idempotency_key": idempotency_key,
            "accounts": [copy.account for copy in copies],
            "providers": [copy.provider for copy in copies],
            "remote_ids": [copy.remote_id for copy in copies],
        }
        return bool(self._db.write(self._sql["plan_file"], params))

    def of_idempotency_key(self, owner: str, key: str) -> Row | None:
        """The file that an earlier request with this key made, and what that request asked for."""
        return _first(self._db.read(self._sql["file_of_idempotency_key"], {"owner": owner, "key": key}))

    def renew_leases(self, ids: Sequence[str], lease: float) -> None:
        """These uploads count as alive for `lease` more seconds; one that was given up does not any more."""
        self._db.put(self._sql["renew_leases"], {"ids": list(ids), "lease": lease})

    def record_copy(self, copy: Copy, *, look_for_twin: bool = False) -> CopyState:
        """What the provider answered. Returns the state the row has now: `deleting` means that it is not wanted.

        `look_for_twin`: the reconciler shall look, a minute later, for what an earlier attempt left.
        """
        params = {
            "file_id": copy.file_id,
            "account": copy.account,
            "provider": copy.provider,
            "remote_id": copy.remote_id,
            "state": copy.state,
            "expires_at": copy.expires_at,
            "look_for_twin": look_for_twin,
        }
        return CopyState(self._db.put(self._sql["record_copy"], params)[0]["state"])

    def settle(self, file_id: str, size: int, sha256: bytes) -> bool:
        """Makes the file visible. False: its lease was lost and the reconciler deletes it."""
        return bool(self._db.put(self._sql["settle_file"], {"id": file_id, "bytes": size, "sha256": sha256}))

    def abandon(self, file_id: str, grace: float) -> list[Copy]:
        """Gives an upload up; returns the copies that the caller of this has `grace` seconds to delete itself."""
        return _copies(self._db.put(self._sql["abandon_file"], {"id": file_id, "grace": grace}))

    def get(self, file_id: str, caller: Caller) -> File | None:
        """One file, if this caller may see it. An id of another shape is none: it may hold what no row can."""
        if not is_file_id(file_id):
            return None
        row = _first(self._db.read(self._sql["file_of_caller"], {"id": file_id} | _identity(caller)))
        return _file(row) if row else None

    def caller_and_files(
        self, digest: bytes, master_user: str | None, ids: Iterable[str]
    ) -> tuple[Caller | None, dict[str, tuple[Copy, ...]]]:
        """The caller behind a key and, of the named files, the copies of those that it may use, in one statement."""
        params = {"digest": f"\\x{digest.hex()}", "master_user": master_user, "ids": ",".join(ids)}
        found = self._db.read_value(self._sql["caller_and_files"], params)
        if found is None:
            return None, {}
        files = {key: _copies_of(key, file["mime_type"], file["copies"]) for key, file in found["files"].items()}
        return caller_of(found), files

    def files_of_caller(self, ids: Sequence[str], caller: Caller) -> dict[str, tuple[Copy, ...]]:
        """Of the named files the copies of those that a known caller may use."""
        rows = self._db.read(self._sql["files_of_caller"], {"ids": list(ids)} | _identity(caller))
        return {row["id"]: _copies_of(row["id"], row["mime_type"], row["copies"]) for row in rows}

    def copies_of_child(self, file_id: str) -> list[Copy]:
        """Where a part of another file is stored."""
        return _copies(self._db.read(self._sql["copies_of_child"], {"id": file_id}))

    def page(self, caller: Caller, *, after: str | None, limit: int, order: str, purpose: str | None) -> list[File]:
        """The caller's own and its team's files; `order` is asc or desc by creation."""
        params = _identity(caller) | {"after": after, "limit": limit, "purpose": purpose}
        name = _PAGES[order] if purpose is None else _PAGES_OF_PURPOSE[order]
        return [_file(row) for row in self._db.read(self._sql[name], params)]

    def begin_delete(self, file_id: str, actor: str, grace: float) -> list[Copy]:
        """Takes the file from sight; returns the copies that the caller of this has `grace` seconds to delete."""
        params = {"id": file_id, "actor": actor, "grace": grace}
        return _copies(self._db.put(self._sql["begin_delete"], params))

    def forget_copies(self, copies: Sequence[Copy]) -> None:
        """These are gone. The row of one that may have a twin stays until that is sure."""
        params = {
            "file_ids": [copy.file_id for copy in copies],
            "accounts": [copy.account for copy in copies],
            "remote_ids": [copy.remote_id for copy in copies],
        }
        self._db.put(self._sql["forget_copies"], params)

    def forget_files(self) -> None:
        """Drops the rows of deleted files without copies."""
        self._db.put(self._sql["forget_files"])

    def note_error(self, copy: Copy, error: str) -> None:
        """Why the last attempt failed. The next one comes when the back-off has set it."""
        params = {"file_id": copy.file_id, "account": copy.account, "error": storable(error[:500])}
        self._db.put(self._sql["note_copy_error"], params)

    def end_processing(self, copy: Copy, state: CopyState, error: str | None = None) -> None:
        """Its provider has finished: `ready`, or `failed` because of `error`. Changes `processing` copies only."""
        params = {"file_id": copy.file_id, "account": copy.account, "state": state, "error": storable(error)}
        self._db.put(self._sql["end_processing"], params)

    def end_look(self, copy: Copy) -> None:
        """The copy's twin was looked for."""
        self._db.put(self._sql["end_look"], {"file_id": copy.file_id, "account": copy.account})

    def end_expired_leases(self, limit: int) -> int:
        """Marks the copies of crashed uploads for deletion; how many files that were."""
        return len(self._db.write(self._sql["end_expired_leases"], {"limit": limit}))

    def expire(self, limit: int) -> int:
        """Marks the copies of expired files for deletion; how many files that were."""
        return len(self._db.write(self._sql["expire_files"], {"limit": limit}))

    def claim_due(self, busy: Sequence[str]) -> DueCopy | None:
        """A copy whose next attempt is due, at none of the accounts in `busy`. No other node gets it meanwhile."""
        row = _first(self._db.write(self._sql["claim_due_copy"], {"busy": list(busy)}))
        return DueCopy(_copies([row])[0], row["attempts"]) if row else None


def caller_of(row: Row) -> Caller:
    """A row with user_id, team_id, models and admin."""
    return Caller(row["user_id"], row["team_id"], tuple(row["models"]), row["admin"])


def _first(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None


def _identity(caller: Caller) -> dict[str, Any]:
    return {"user_id": caller.user_id, "team_id": caller.team_id, "admin": caller.admin}


def _copies(rows: Iterable[Row]) -> list[Copy]:
    return [
        Copy(
            row["file_id"],
            row["account"],
            row["provider"],
            CopyState(row["state"]),
            row["remote_id"],
            since=row["since"],
            twin=row["twin"],
        )
        for row in rows
    ]


def _copies_of(file_id: str, mime_type: str, items: Iterable[Mapping[str, Any]]) -> tuple[Copy, ...]:
    return tuple(
        Copy(
            file_id,
            item["account"],
            item["provider"],
            CopyState(item["state"]),
            item["remote_id"],
            mime_type,
            item["expires_at"],
            item["error"],
        )
        for item in items
    )


def _file(row: Row) -> File:
    return File(
        id=row["id"],
        owner=row["owner"],
        team=row["team"],
        filename=row["filename"],
        purpose=row["purpose"],
        mime_type=row["mime_type"],
        created_at=row["created_at"],
        bytes=row["bytes"],
        expires_at=row["expires_at"],
        copies=_copies_of(row["id"], row["mime_type"], row["copies"]),
        batch_id=row["batch_id"],
    )
