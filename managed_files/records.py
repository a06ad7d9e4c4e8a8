"""The values that travel between the layers. Knows the standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class CopyState(StrEnum):
    """Life of a copy: uploading → processing → ready; failed and deleting end it."""

    UPLOADING = "uploading"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One key of `litellm_params` that a provider reads.

    `env`: variables that fill it when the entry does not, first one set wins. `identity`: part of the account's name.
    """

    name: str
    env: tuple[str, ...] = ()
    default: str | None = None
    identity: bool = False
    secret: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """Where files live: provider + endpoint + credentials (+ bucket). `name` survives restarts and key rotation."""

    name: str
    provider: str
    params: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deployment:
    """One `model_list` entry: `model_group` is public, `model` the provider's name, `target` the entry's own text."""

    model_group: str
    target: str
    model: str
    account: Account
    params: Mapping[str, Any] = field(repr=False)

    @property
    def provider(self) -> str:
        return self.account.provider


@dataclass(frozen=True, slots=True)
class Caller:
    """The API key's record. An empty `models` means every model group."""

    user_id: str
    team_id: str | None = None
    models: tuple[str, ...] = ()
    admin: bool = False

    def may_use(self, model_group: str) -> bool:
        return not self.models or model_group in self.models


@dataclass(frozen=True, slots=True)
class Copy:
    """A file at one account. `remote_id` is None while the provider has not told it.

    `expires_at` in Unix seconds; `since`: when the upload began, in Unix seconds, if it matters; `twin`: whether an
    attempt before it may have left another.
    """

    file_id: str
    account: str
    provider: str
    state: CopyState
    remote_id: str | None = None
    mime_type: str = "application/octet-stream"
    expires_at: int | None = None
    error: str | None = None
    since: int | None = None
    twin: bool = False

    @property
    def stored_id(self) -> str:
        """The remote id of a copy that is stored. Raises ValueError for one that has none yet."""
        if self.remote_id is None:
            raise ValueError(f"the copy of {self.file_id} at {self.account} has no remote id")
        return self.remote_id


@dataclass(frozen=True, slots=True)
class File:
    """What the client sees. `bytes` is None while the upload runs; times in Unix seconds.

    `batch_id`: the batch that writes it; such a file has no copies, its content is read from the batch's parts.
    """

    id: str
    owner: str
    team: str | None
    filename: str
    purpose: str
    mime_type: str
    created_at: int
    bytes: int | None = None
    expires_at: int | None = None
    copies: tuple[Copy, ...] = ()
    batch_id: str | None = None


class Reader(Protocol):
    """One cursor over the incoming bytes. May run behind the writer: it blocks until bytes arrive."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes (at least one), b"" at the end. Raises SpoolBroken when the client went away."""

    def available(self, size: int, /) -> int:
        """Blocks until `size` more bytes can be read or the end is known; returns how many can be, at most `size`."""


class Source(Protocol):
    """Incoming bytes that any number of threads may read at their own pace."""

    def size(self) -> int | None:
        """Total bytes when they can be told now (for certain, or from the request's length), else None."""

    def wait(self) -> int:
        """Blocks until the last byte is in, and returns the total. Raises SpoolBroken."""

    def open(self, offset: int = 0) -> Reader:
        """A fresh cursor at `offset` bytes."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What a provider needs to store a file. `expires_after`: seconds from creation, or None."""

    file_id: str
    filename: str
    mime_type: str
    purpose: str
    source: Source
    expires_after: int | None = None


@dataclass(frozen=True, slots=True)
class FormField:
    """A text field of an incoming form."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class FormFile:
    """The file part begins; its bytes follow as pieces. `expected_size`: bytes, if the file is the form's last part."""

    filename: str
    content_type: str | None
    expected_size: int | None
