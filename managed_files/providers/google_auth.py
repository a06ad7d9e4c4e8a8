"""Fetches access tokens with google-auth. Imported with the first token only: the library is large."""

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any

import google.auth
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport import Request

from managed_files.errors import ProviderFailed, UpstreamError
from managed_files.upstream import Upstream

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_TIMEOUT = 30.0
# google-auth's generic loader warns that it is deprecated, because it trusts the file to say its own kind. Here the
# operator wrote the file, and only these kinds are taken: `type` → module, constructor of its Credentials.
_KINDS = {
    "service_account": ("google.oauth2.service_account", "from_service_account_info"),
    "authorized_user": ("google.oauth2.credentials", "from_authorized_user_info"),
    "external_account": ("google.auth.identity_pool", "from_info"),
    "impersonated_service_account": (
        "google.auth.impersonated_credentials",
        "from_impersonated_service_account_info",
    ),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What one token lets us say. `end`: Unix seconds after which it is of no more use."""

    headers: Mapping[str, str] = field(repr=False)
    end: float
    project: str | None


class Authority:
    """One credential, loaded when the first token is asked for. One thread at a time."""

    def __init__(self, given: Any, provider: str, upstream: Upstream):
        self._given = given
        self._provider = provider
        self._transport = _Transport(upstream)
        self._credentials: Any = None
        self._project: str | None = None

    def grant(self) -> Grant:
        """A new token. Raises ProviderFailed, which names the remedy and quotes nobody."""
        try:
            if self._credentials is None:
                self._credentials, self._project = self._loaded()
            self._credentials.refresh(self._transport)
        except (GoogleAuthError, OSError, ValueError, TypeError) as error:
            raise self._failed(error) from error
        headers = {"Authorization": f"Bearer {self._credentials.token}"}
        if quota_project := getattr(self._credentials, "quota_project_id", None):
            headers["x-goog-user-project"] = quota_project
        return Grant(headers, _unix(self._credentials.expiry), self._project)

    def _loaded(self) -> tuple[Any, str | None]:
        if self._given is None:
            return google.auth.default(scopes=_SCOPES, request=self._transport)
        info = _described(self._given)
        module, make = _KINDS[info["type"]]
        credentials = getattr(importlib.import_module(module).Credentials, make)(info, scopes=_SCOPES)
        if info["type"] == "authorized_user" and info.get("token_uri"):  # google-auth reads only a service account's
            credentials = credentials.with_token_uri(info["token_uri"])
        return credentials, info.get("project_id")

    def _failed(self, error: Exception) -> ProviderFailed:
        """google-auth's own messages quote the token server's answer, so only the kind of error goes further."""
        source = "Application Default Credentials" if self._given is None else "vertex_credentials"
        retryable = bool(getattr(error, "retryable", False))
        return ProviderFailed(
            self._provider,
            f"{self._provider}: no access token from Google ({type(error).__name__}). Check {source}: the file or JSON "
            "must be complete and its account enabled. `gcloud auth application-default login` or "
            "GOOGLE_APPLICATION_CREDENTIALS sets the default.",
            upstream_status=None if retryable else 401,
            retryable=retryable,
            code="provider_credentials_refused",
        )


@dataclass(frozen=True, slots=True)
class _Answer:
    """The shape that google-auth reads a token server's answer from."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    data: bytes = field(repr=False)


class _Transport(Request):
    """google-auth's way to HTTP, over our one door."""

    def __init__(self, upstream: Upstream):
        self._upstream = upstream

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> _Answer:
        try:
            answer = self._upstream.send(
                method, url, headers=headers or {}, body=body, timeout=timeout or _TIMEOUT, stream=False
            )
        except UpstreamError as error:
            # google-auth leaves this constructor without types
            raise TransportError("the token server gave no answer", retryable=True) from error  # type: ignore[no-untyped-call]
        return _Answer(answer.status_code, answer.headers, answer.content)


def _described(given: Any) -> dict[str, Any]:
    """The credential's fields, from a mapping, JSON text or a file. Raises OSError or ValueError."""
    if isinstance(given, Mapping):
        info = dict(given)
    else:
        text = str(given).strip()
        info = json.loads(text if text.startswith("{") else Path(text).expanduser().read_text("utf-8"))
    if not isinstance(info, dict) or info.get("type") not in _KINDS:
        raise ValueError(f"the credential's type is none of {', '.join(_KINDS)}")
    return info


def _unix(expiry: Any) -> float:
    """google-auth keeps a naive UTC time, or None for a token that does not end."""
    return float("inf") if expiry is None else float(expiry.replace(tzinfo=UTC).timestamp())
