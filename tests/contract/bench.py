"""What every bench is: an adapter beside the stand-in it talks to, and what the suite may ask of both."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from managed_files.providers import registry
from managed_files.providers.base import Provider
from managed_files.records import Account, Deployment, Upload
from managed_files.sandbox.journal import Recorded
from managed_files.sandbox.openai import DEFAULT_KEY
from managed_files.sandbox.server import Server
from managed_files.spool import Spool
from managed_files.upstream import Upstream

FILE_ID = "file-mf-" + "a" * 32
CONTENT = b"%PDF-1.7 " + bytes(range(256)) * 1500
WRONG_KEY = "sk-proj-wrong-0123456789"


def sending(
    source: Spool, *, file_id: str = FILE_ID, purpose: str = "user_data", filename: str = "paper.pdf"
) -> Upload:
    """An upload of the source."""
    return Upload(file_id, filename, "application/pdf", purpose, source)


class Bench(ABC):
    """Starts the stand-in and builds the adapter.

    `upload_path`, `file_path`: regular expressions of the paths to which an upload begins, and at which one file is.
    `gives_bytes_back`: of any file at all; `returns_content`: of `user_data` files as well, not of `batch` files only.
    `in_every_file_part`: what `resolve` adds to the id. `refusal`: the status of wrong credentials. `stream_type`: the
    content type of a streamed answer.
    """

    name: ClassVar[str]
    stand_in: ClassVar[type[Server]]
    model: ClassVar[str]
    upload_method: ClassVar[str] = "POST"
    upload_path: ClassVar[str]
    file_path: ClassVar[str]
    gives_bytes_back: ClassVar[bool] = True
    returns_content: ClassVar[bool] = False
    in_every_file_part: ClassVar[Mapping[str, Any]] = {}
    refusal: ClassVar[int] = 401
    stream_type: ClassVar[str] = "text/event-stream"

    def __init__(self) -> None:
        self._spools: list[Spool] = []
        self.upstream = Upstream(environ={})
        self.sandbox = self.started()
        self.provider = self.adapter()

    def started(self) -> Server:
        """The stand-in, running."""
        return self.stand_in().start()

    def close(self) -> None:
        self.upstream.close()
        self.sandbox.stop()
        for spool in self._spools:
            spool.close()

    def growing(self, expected: int | None = None) -> Spool:
        """An empty spool that is closed with the bench."""
        self._spools.append(Spool(expected))
        return self._spools[-1]

    def spooled(self, data: bytes = CONTENT) -> Spool:
        """A spool that holds all of the data."""
        spool = self.growing()
        spool.write(data)
        spool.finish()
        return spool

    def uploaded(self, data: bytes = CONTENT, purpose: str = "user_data", filename: str = "paper.pdf") -> str:
        """The remote id of the data, just stored."""
        upload = sending(self.spooled(data), purpose=purpose, filename=filename)
        return self.provider.upload(upload).remote_id or ""

    @abstractmethod
    def params(self) -> dict[str, Any]:
        """An entry's parameters that the stand-in accepts."""

    @abstractmethod
    def wrong_params(self) -> dict[str, Any]:
        """The same with credentials that are refused."""

    @abstractmethod
    def stored(self) -> dict[str, str]:
        """What the stand-in holds: remote id → SHA-256."""

    @abstractmethod
    def chat_body(self, stream: bool) -> bytes:
        """The least chat request that the stand-in answers."""

    def secrets(self) -> list[str]:
        """The credentials that the adapter has been given."""
        return [DEFAULT_KEY, WRONG_KEY]

    def adapter(self, **changes: Any) -> Provider:
        """A new adapter, its parameters changed."""
        return self.built({**self.params(), **changes})

    def built(self, params: Mapping[str, Any]) -> Provider:
        """A new adapter with these parameters."""
        return registry.build(Account(f"{self.name}:test", self.name, params), self.upstream)

    def begins_upload(self, request: Recorded) -> bool:
        """Whether the request is an upload's first."""
        return request.method == self.upload_method and re.match(self.upload_path, request.path) is not None

    def wait_for_beginning(self) -> None:
        """Returns when the upload that runs has begun to send, for an adapter that sends before the last byte is in."""
        self.sandbox.wait_for(self.begins_upload)

    def deployment(self) -> Deployment:
        """An entry for `model` in the adapter's account."""
        account = self.provider.account
        return Deployment("group", f"{self.name}/{self.model}", self.model, account, account.params)

    def sent_credentials(self) -> list[str]:
        """The values of the credential headers that the stand-in received."""
        names = ("authorization", "api-key", "x-api-key", "x-goog-api-key")
        headers = [request.headers for request in self.sandbox.requests]
        return [held[name].rpartition(" ")[2] for held in headers for name in names if name in held]
