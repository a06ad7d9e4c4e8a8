"""OpenAI's Files API: upload, list, retrieve, content, delete. Wire facts: OpenAI's API description."""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from managed_files.sandbox.file_rules import PURPOSES, checked_file, lifetime, one_of, page_limit
from managed_files.sandbox.forms import BrokenForm, Form
from managed_files.sandbox.kept_files import KeptFiles
from managed_files.sandbox.openai_errors import bad, no_such_file
from managed_files.sandbox.pages import UnknownCursor, page_of
from managed_files.sandbox.store import Blob, Shelf, Writer
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

_NOT_DOWNLOADABLE = ("assistants", "user_data")


@dataclass(frozen=True)
class StoredFile:
    """One file. Times in Unix seconds; `project` may use it, nobody else."""

    id: str
    project: str
    filename: str
    purpose: str
    content_type: str
    blob: Blob
    created_at: int
    expires_at: int | None

    @property
    def bytes(self) -> int:
        return self.blob.size

    @property
    def sha256(self) -> str:
        return self.blob.sha256

    @property
    def over(self) -> bool:
        return self.expires_at is not None and self.expires_at <= time.time()

    @property
    def path(self) -> Path | None:
        return self.blob.path

    def public(self) -> dict[str, Any]:
        """OpenAI's `file` object."""
        return {
            "object": "file",
            "id": self.id,
            "purpose": self.purpose,
            "filename": self.filename,
            "bytes": self.bytes,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "status": "processed",
            "status_details": None,
        }


class FileStore(KeptFiles[StoredFile]):
    """All files of all projects, and the file routes' handlers."""

    def __init__(self, shelf: Shelf, max_bytes: int, purposes: tuple[str, ...] = PURPOSES):
        super().__init__(shelf)
        self._max_bytes = max_bytes
        self._purposes = purposes

    def get(self, project: str, file_id: str) -> StoredFile | None:
        file = self.files.get(file_id)
        return file if file and file.project == project else None

    def writer(self) -> Writer:
        """Takes the bytes of a file that the provider itself writes."""
        return self._shelf.writer()

    def keep(self, project: str, filename: str, purpose: str, blob: Blob, life: int) -> StoredFile:
        """Stores a file that the provider itself wrote, for `life` seconds."""
        now = int(time.time())
        content_type = "application/octet-stream"
        return self.put(StoredFile(_new_id(), project, filename, purpose, content_type, blob, now, now + life))

    # Handlers

    def create(self, request: Request, project: str) -> Reply:
        return json_reply(self.received(request, _broken, lambda form: self._checked(form, project)).public())

    def _checked(self, form: Form, project: str) -> StoredFile:
        file, purpose = checked_file(form, self._purposes, self._max_bytes)
        now = int(time.time())
        life = lifetime(form.fields, purpose)
        return StoredFile(
            id=_new_id(),
            project=project,
            filename=file.filename,
            purpose=purpose,
            content_type=file.content_type,
            blob=file.blob,
            created_at=now,
            expires_at=None if life is None else now + life,
        )

    def page(self, request: Request, project: str) -> Reply:
        """Honours `purpose`, `order` (default desc), `limit` (default 10,000) and `after`."""
        files = [file for file in self.files.values() if file.project == project]
        if purpose := request.query.get("purpose"):
            files = [file for file in files if file.purpose == purpose]
        if one_of(request.query, "order", ("desc", "asc")) == "desc":
            files.reverse()
        try:
            page = page_of(files, page_limit(request.query), request.query.get("after"))
        except UnknownCursor as error:
            raise no_such_file(str(error)) from error
        return json_reply({"object": "list", "data": [file.public() for file in page.items], **page.ends()})

    def retrieve(self, request: Request, project: str) -> Reply:
        return json_reply(self._known(request, project).public())

    def content(self, request: Request, project: str) -> Reply:
        file = self._known(request, project)
        if file.purpose in _NOT_DOWNLOADABLE:
            raise bad(f"Not allowed to download files of purpose: {file.purpose}")
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(file.bytes)}
        return Reply(200, file.blob.pieces(0, file.bytes), headers)

    def delete(self, request: Request, project: str) -> Reply:
        file = self._known(request, project)
        if not self.remove(file):
            raise no_such_file(file.id)
        return json_reply({"object": "file", "deleted": True, "id": file.id})

    def _known(self, request: Request, project: str) -> StoredFile:
        file_id = request.args["id"]
        file = self.get(project, file_id)
        if file is None:
            raise no_such_file(file_id)
        return file


def _broken(error: BrokenForm) -> Refused:
    return bad(f"Could not parse multipart form: {error}.")


def _new_id() -> str:
    return "file-" + secrets.token_hex(11)
