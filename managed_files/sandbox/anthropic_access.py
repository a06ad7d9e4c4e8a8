"""Who asks Anthropic, and at which version of its API. Wire facts: Anthropic's "Versioning" and "Beta headers"."""

from collections.abc import Mapping
from dataclasses import dataclass

from managed_files.sandbox.anthropic_errors import bad, refused
from managed_files.sandbox.wire import Request

OLD, NEW = "2023-06-01", "2026-10-21"
FILES_BETA = "files-api-2025-04-14"


@dataclass(frozen=True)
class Access:
    """Keys of one `workspace` share its files."""

    workspace: str
    version: str
    betas: frozenset[str]

    @property
    def files(self) -> bool:
        """Whether files may be stored and named: a beta before the newer version."""
        return self.version == NEW or FILES_BETA in self.betas


def access_of(request: Request, api_keys: Mapping[str, str]) -> Access:
    """Raises a 401 for the key, a 400 for the version. The newer SDKs send the key as a bearer token."""
    headers = request.headers
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    key = headers.get("x-api-key") or (token if scheme == "Bearer" else "")
    if not key:
        raise refused(401, "x-api-key header is required")
    if key not in api_keys:
        raise refused(401, "invalid x-api-key")
    version = headers.get("anthropic-version", "")
    if not version:
        raise bad("anthropic-version: header is required")
    if version not in (OLD, NEW):
        raise bad(f'anthropic-version: "{version}" is not a valid version')
    betas = frozenset(name.strip() for name in headers.get("anthropic-beta", "").split(","))
    return Access(api_keys[key], version, betas)
