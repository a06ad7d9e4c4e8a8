"""Google's access tokens: when a new one is due, and which thread fetches it. Knows no way to get one, and no API."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from managed_files.errors import ProviderFailed
from managed_files.upstream import Upstream

if TYPE_CHECKING:
    from managed_files.providers.google_auth import Authority, Grant

_EARLY = 300.0  # seconds before its end at which a token is replaced; Google's own clients do much the same
_AFTER_FAILURE = 30.0


class GoogleCredentials:
    """One account's tokens, safe from any number of threads.

    `given`: the path of a credentials file, its JSON text or mapping, or None for Application Default Credentials
    (GOOGLE_APPLICATION_CREDENTIALS, gcloud's login, the metadata server). One thread fetches a token at a time; the
    others go on with the old one as long as it is valid, then they wait, and fail with it if it fails.
    `clock` gives Unix seconds.
    """

    def __init__(self, given: Any, provider: str, upstream: Upstream, clock: Callable[[], float] = time.time):
        self._given = given
        self._provider = provider
        self._upstream = upstream
        self._clock = clock
        self._lock = threading.Lock()
        self._authority: Authority | None = None
        self._grant: Grant | None = None
        self._failure: ProviderFailed | None = None  # the last one that others may have waited for
        self._due = 0.0

    def headers(self) -> dict[str, str]:
        """`Authorization`, and `x-goog-user-project` if the credential has one. Raises ProviderFailed."""
        return dict(self._current().headers)

    def project(self) -> str | None:
        """The project that the credential belongs to, where it names one. Raises ProviderFailed."""
        return self._current().project

    def _current(self) -> "Grant":
        grant = self._valid()
        if grant is None:
            return self._awaited()
        if self._clock() >= self._due and self._lock.acquire(blocking=False):
            try:
                return self._renew_early(grant)
            finally:
                self._lock.release()
        return grant

    def _awaited(self) -> "Grant":
        """All that wait for one attempt get what comes of it: one after the other would wait a time-out each."""
        before = self._failure
        with self._lock:
            if grant := self._valid():
                return grant
            if self._failure is not None and self._failure is not before:
                raise self._failure.again()
            try:
                return self._renew()
            except ProviderFailed as failure:
                self._failure = failure.again()
                raise

    def _valid(self) -> "Grant | None":
        grant = self._grant
        return grant if grant is not None and self._clock() < grant.end else None

    def _renew_early(self, grant: "Grant") -> "Grant":
        """A failure costs nothing while the old token is good: try again a little later."""
        if self._clock() < self._due:  # another thread was quicker
            return self._grant or grant
        try:
            return self._renew()
        except ProviderFailed:
            self._due = self._clock() + _AFTER_FAILURE
            return grant

    def _renew(self) -> "Grant":
        """Called with the lock held."""
        if self._authority is None:
            from managed_files.providers.google_auth import Authority

            self._authority = Authority(self._given, self._provider, self._upstream)
        grant = self._authority.grant()
        lifetime = max(0.0, grant.end - self._clock())
        self._due = grant.end - min(_EARLY, lifetime / 2)
        self._grant = grant
        return grant
