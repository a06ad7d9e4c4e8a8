"""API keys: made, hashed, looked up. A key itself is shown once and never stored."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.types.json import Jsonb

from managed_files import queries
from managed_files.database import Database, Row
from managed_files.errors import InvalidRequest
from managed_files.records import Caller
from managed_files.repository import caller_of

_LONGEST_LIFE = 36_525 * 86_400  # seconds


def digest(key: str) -> bytes:
    """SHA-256 of a key: 32 bytes."""
    return hashlib.sha256(key.encode()).digest()


def digest_of(key_or_token: str) -> bytes:
    """Likewise, of a key itself or of the token that lists show for it."""
    is_token = re.fullmatch(r"[0-9a-f]{64}", key_or_token) is not None
    return bytes.fromhex(key_or_token) if is_token else digest(key_or_token)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request proved: a key's digest; `master_user` is the admin's user id if it is the master key."""

    digest: bytes = field(repr=False)
    master_user: str | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """What a new key's record says. `seconds`: its life, None for ever."""

    user_id: str
    team_id: str | None = None
    models: tuple[str, ...] = ()
    admin: bool = False
    seconds: int | None = None
    alias: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class KeyRepository:
    """The table of API keys."""

    def __init__(self, database: Database):
        self._db = database
        self._sql = queries.load()

    def find(self, key_digest: bytes) -> Caller | None:
        """The caller behind a key that is neither expired nor revoked."""
        rows = self._db.read(self._sql["find_caller"], {"digest": key_digest})
        return caller_of(rows[0]) if rows else None

    def create(self, new: NewKey, actor: str) -> tuple[str, Row]:
        """A fresh key and its record. The key cannot be had again."""
        key = "sk-" + secrets.token_urlsafe(32)
        params = {
            "digest": digest(key),
            "key_name": f"sk-...{key[-4:]}",
            "key_alias": new.alias,
            "user_id": new.user_id,
            "team_id": new.team_id,
            "models": list(new.models),
            "admin": new.admin,
            "metadata": Jsonb(new.metadata),
            "seconds": new.seconds,
            "actor": actor,
        }
        return key, self._db.write(self._sql["create_key"], params)[0]

    def page(
        self, *, user_id: str | None = None, key_digest: bytes | None = None, limit: int = 100, offset: int = 0
    ) -> list[Row]:
        """Records, newest first: of one user, of one key, or all."""
        params = {"user_id": user_id, "digest": key_digest, "limit": limit, "offset": offset}
        return self._db.read(self._sql["list_keys"], params)

    def revoke(self, digests: Sequence[bytes], aliases: Sequence[str], actor: str) -> list[str]:
        """Revokes by digest or alias; the tokens (hex digests) of the keys that were alive."""
        params = {"digests": list(digests), "aliases": list(aliases), "actor": actor}
        return [row["token"] for row in self._db.write(self._sql["revoke_keys"], params)]


def seconds_of(duration: str) -> int:
    """`30s`, `15m`, `12h`, `30d`, `2w` to seconds. Raises InvalidRequest."""
    found = re.fullmatch(r"([1-9][0-9]{0,8})([smhdw])", duration)
    if found is None:
        raise InvalidRequest(f"'duration': {duration[:50]!r} is not like 30s, 15m, 12h, 30d or 2w.", param="duration")
    seconds = int(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}[found[2]]
    if seconds > _LONGEST_LIFE:
        raise InvalidRequest(f"'duration': {duration} is over a hundred years. Leave it out.", param="duration")
    return seconds
