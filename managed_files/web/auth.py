"""Who calls: the key from the headers, and the caller behind it. Knows headers, not tables."""

import hmac
from collections.abc import Callable
from functools import wraps
from typing import Any

from managed_files.errors import Forbidden, Unauthorized, unknown_key
from managed_files.keys import Credentials, KeyRepository, digest
from managed_files.records import Caller
from managed_files.web.incoming import incoming

MASTER_USER = "default_user_id"  # the name under which LiteLLM files what the master key does


class Authenticator:
    """Master key, or a key of the table. Comparison takes the same time whatever the key."""

    def __init__(self, master_key: str | None, keys: KeyRepository):
        self._master_digest = digest(master_key) if master_key else None
        self._keys = keys

    def credentials(self) -> Credentials:
        """What this request proves, without asking the database. Raises Unauthorized if there is no key at all."""
        key = _key()
        if not key:
            raise Unauthorized("You did not provide an API key. Send it as 'Authorization: Bearer YOUR_KEY'.")
        key_digest = digest(key)
        is_master = self._master_digest is not None and hmac.compare_digest(key_digest, self._master_digest)
        return Credentials(key_digest, MASTER_USER if is_master else None)

    def caller(self) -> Caller:
        """The caller. Raises Unauthorized for a key that is unknown, expired or revoked."""
        credentials = self.credentials()
        if credentials.master_user is not None:
            return Caller(credentials.master_user, admin=True)
        caller = self._keys.find(credentials.digest)
        if caller is None:
            raise unknown_key()
        return caller

    def required(self, view: Callable[..., Any]) -> Callable[..., Any]:
        """Passes the caller to the view as its first argument."""

        @wraps(view)
        def authenticated(**values: Any) -> Any:
            return view(self.caller(), **values)

        return authenticated

    def admin(self, view: Callable[..., Any]) -> Callable[..., Any]:
        """As `required`, for admins only."""

        @wraps(view)
        def authenticated(**values: Any) -> Any:
            caller = self.caller()
            if not caller.admin:
                raise Forbidden("Only an admin key may do this.")
            return view(caller, **values)

        return authenticated


def _key() -> str | None:
    headers = incoming().headers
    scheme, _, bearer = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and bearer.strip():
        return bearer.strip()
    return headers.get("api-key") or headers.get("x-api-key")
