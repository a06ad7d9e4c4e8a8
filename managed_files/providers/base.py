"""The contract that every provider's adapter keeps. Knows no provider and no web framework."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from managed_files.dialects.embeddings import EmbeddingFormat
from managed_files.errors import ContentUnavailable
from managed_files.providers.batches import BatchApi
from managed_files.records import Account, Copy, CopyState, Deployment, Parameter, Upload
from managed_files.upstream import Upstream


@dataclass(frozen=True, slots=True)
class ChatEndpoint:
    """Where a chat request goes. Headers hold credentials and never show in a repr."""

    url: str
    headers: Mapping[str, str] = field(repr=False)


def extra_headers(params: Mapping[str, Any]) -> dict[str, str]:
    """An entry's own `extra_headers`, as texts."""
    return {name: str(value) for name, value in (params.get("extra_headers") or {}).items()}


class Provider(ABC):
    """One account at one provider. Made once per account and process, used by many threads at once.

    Every failure is a ProviderFailed with its cause; no secret is in any message. Nothing is left behind by a failed
    call unless the error says `ambiguous`. What the incoming bytes raise (SpoolBroken, LengthChanged) passes through.
    """

    name: ClassVar[str]
    dialect: str  # of the provider, unless an account's address makes it another
    parameters: ClassVar[tuple[Parameter, ...]]
    prefixes: ClassVar[tuple[str, ...]]  # what may stand before the slash in `litellm_params.model`
    stores_files: ClassVar[bool] = True  # False: no chat can name a file there, so no upload may be sent there
    gives_back: ClassVar[str] = "no"  # what `content` may return: "yes", "not `user_data`", "no"
    expiry: ClassVar[str] = "by the gateway"  # who ends a file's life, in the words of README's table
    relays: ClassVar[tuple[str, ...]] = ()  # OpenAI's endpoints beside chat that its server has, `/v1/…`
    batch_api: ClassVar[type[BatchApi] | None] = None  # None: the gateway runs a batch's lines itself, chat by chat

    def __init__(self, account: Account, upstream: Upstream):
        self.account = account
        self.upstream = upstream

    def planned_id(self, upload: Upload) -> str | None:
        """The remote id when the gateway chooses it: written down before the first byte leaves. Pure."""
        return None

    @abstractmethod
    def upload(self, upload: Upload) -> Copy:
        """Send the file from its own cursor. Returns the copy, `ready` or `processing`, with the provider's expiry."""

    @abstractmethod
    def resolve(self, copy: Copy, part: dict[str, Any]) -> dict[str, Any]:
        """A new part that carries this provider's id in the shape its dialect reads. Pure; keeps unknown keys."""

    @abstractmethod
    def delete(self, remote_id: str) -> None:
        """Remove it. Already gone is success."""

    def find(self, file_id: str, since: int | None = None) -> list[str]:
        """Remote ids that an interrupted upload of `file_id` left, where the provider chose the id.

        `since`: Unix seconds before which none can have been stored; it saves reading the account's whole list.
        """
        return []

    def ready(self, remote_id: str) -> CopyState:
        """`processing`, `ready` or `failed`, for providers that process after the upload."""
        return CopyState.READY

    def content(self, remote_id: str, purpose: str) -> Iterator[bytes]:
        """The stored bytes in pieces. Raises ContentUnavailable where the provider never gives them back."""
        raise ContentUnavailable(f"{self.name} does not return the content of a stored file.")

    @abstractmethod
    def chat(self, deployment: Deployment, *, stream: bool) -> ChatEndpoint:
        """URL and headers of one chat call; the body comes from the dialect."""

    def elsewhere(self, deployment: Deployment, endpoint: str) -> ChatEndpoint:
        """URL and headers of one of `relays`; the body is OpenAI's own, with the provider's model, unless `embeddings`
        gives another format."""
        raise ValueError(f"{self.name} has no {endpoint}")

    def embeddings(self, deployment: Deployment) -> EmbeddingFormat | None:
        """How the deployment's model writes embeddings; None: as OpenAI does. Raises InvalidRequest."""
        return None

    def signed(self, endpoint: ChatEndpoint, payload: bytes) -> ChatEndpoint:
        """The endpoint with the headers that depend on the body, for providers that sign it. Raises ProviderFailed."""
        return endpoint

    def batches(self) -> BatchApi | None:
        """The account's batch API; None where there is none."""
        return None
