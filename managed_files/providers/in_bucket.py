"""Files as objects in a bucket of the operator's. Knows neither the storage nor the models that read from it."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from managed_files.errors import ProviderFailed
from managed_files.providers.base import Provider
from managed_files.providers.parts import as_typed_file_part
from managed_files.records import Copy, CopyState, Upload


class ObjectStore(Protocol):
    """One bucket, or a folder of it. Objects are named by their addresses."""

    def uri(self, file_id: str, filename: str) -> str:
        """Where a file will be. Pure."""

    def store(self, uri: str, upload: Upload) -> None:
        """Raises ProviderFailed."""

    def delete(self, uri: str) -> None:
        """Already gone is success."""

    def content(self, uri: str) -> Iterator[bytes]:
        """The bytes in pieces."""


B = TypeVar("B", bound=ObjectStore)


class InBucket(Provider, Generic[B]):
    """A copy's remote id is its object's address. A use names it with a MIME type."""

    gives_back = "yes"
    where_to_name_it: ClassVar[str]  # the setting and the variable of the bucket

    @property
    @abstractmethod
    def bucket(self) -> B | None:
        """None where nobody named one: whoever only chats needs none."""

    def planned_id(self, upload: Upload) -> str:
        return self.store().uri(upload.file_id, upload.filename)

    def upload(self, upload: Upload) -> Copy:
        """The object can be used as soon as it is complete. Its life ends with the gateway's file, not by itself."""
        uri = self.planned_id(upload)
        self.store().store(uri, upload)
        return Copy(upload.file_id, self.account.name, self.name, CopyState.READY, uri, upload.mime_type)

    def resolve(self, copy: Copy, part: dict[str, Any]) -> dict[str, Any]:
        """`file.format` is the MIME type that goes with every use: the client's own word, or what is stored."""
        return as_typed_file_part(part, copy)

    def delete(self, remote_id: str) -> None:
        self.store().delete(remote_id)

    def content(self, remote_id: str, purpose: str) -> Iterator[bytes]:
        return self.store().content(remote_id)

    def store(self) -> B:
        """The bucket. Raises ProviderFailed where there is none."""
        if self.bucket is None:
            message = f"{self.name}: no bucket for files. Set {self.where_to_name_it}."
            raise ProviderFailed(self.name, message, upstream_status=400)
        return self.bucket
