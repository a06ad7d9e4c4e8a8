"""OpenAI's Files API: upload, list, retrieve, content, delete. Wire facts: OpenAI's API description."""

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from managed_files.sandbox.forms import BrokenForm, Form, read_form
from managed_files.sandbox.openai_errors import bad, envelope, no_such_file
from managed_files.sandbox.store import Blob, Shelf
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

PURPOSES = ("fine-tune", "assistants", "batch", "user_data", "vision", "evals")
_LINES_ONLY = ("batch", "fine-tune")
_NOT_DOWNLOADABLE = ("assistants", "user_data")
_FIELDS = {"purpose", "expires_after[anchor]", "expires_after[seconds]"}
_BATCH_LIFE = 30 * 86400
DEFAULT_LIMIT = 512 << 20


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


class FileStore:
    """All files of all projects, and the file routes' handlers. Safe from any thread."""

    def __init__(self, shelf: Shelf, max_bytes: int, purposes: tuple[str, ...] = PURPOSES):
        self._shelf = shelf
        self._max_bytes = max_bytes
        self._purposes = purposes
        self._lock = threading.Lock()
        self._files: dict[str, StoredFile] = {}

    @property
    def files(self) -> Mapping[str, StoredFile]:
        """Those that have not expired, by id, oldest first."""
        now = time.time()
        with self._lock:
            return {key: file for key, file in self._files.items() if file.expires_at is None or file.expires_at > now}

    def clear(self) -> None:
        with self._lock:
            files, self._files = self._files, {}
        for file in files.values():
            self._shelf.remove(file.blob)

    def get(self, project: str, file_id: str) -> StoredFile | None:
        file = self.files.get(file_id)
        return file if file and file.project == project else None

    # Handlers

    def create(self, request: Request, project: str) -> Reply:
        try:
            form = read_form(request, self._shelf)
        except BrokenForm as error:
            raise bad(f"Could not parse multipart form: {error}.") from error
        try:
            file = self._checked(form, project)
        except Refused:
            if form.file:
                self._shelf.remove(form.file.blob)
            raise
        with self._lock:
            self._files[file.id] = file
        return json_reply(file.public())

    def _checked(self, form: Form, project: str) -> StoredFile:
        purpose = form.fields.get("purpose")
        for extra in form.fields.keys() - _FIELDS:
            raise bad(f"Additional properties are not allowed ('{extra}' was unexpected)")
        if form.file is None:
            raise bad("'file' is a required property")
        if purpose is None:
            raise bad("'purpose' is a required property")
        if purpose not in self._purposes:
            raise bad(f"'{purpose}' is not one of {list(self._purposes)} - 'purpose'")
        if purpose in _LINES_ONLY and not form.file.filename.endswith(".jsonl"):
            raise bad(f"Invalid file format for purpose {purpose}. Must be .jsonl", param="file")
        if form.file.blob.size > self._max_bytes:
            raise Refused(envelope(413, f"File is too large: at most {self._max_bytes} bytes are allowed."))
        now = int(time.time())
        life = _lifetime(form.fields, _BATCH_LIFE if purpose == "batch" else None)
        return StoredFile(
            id="file-" + secrets.token_hex(11),
            project=project,
            filename=form.file.filename,
            purpose=purpose,
            content_type=form.file.content_type,
            blob=form.file.blob,
            created_at=now,
            expires_at=None if life is None else now + life,
        )

    def page(self, request: Request, project: str) -> Reply:
        """Honours `purpose`, `order` (default desc), `limit` (default 10,000) and `after`."""
        files = [file for file in self.files.values() if file.project == project]
        if purpose := request.query.get("purpose"):
            files = [file for file in files if file.purpose == purpose]
        if _one_of(request.query, "order", ("desc", "asc")) == "desc":
            files.reverse()
        if after := request.query.get("after"):
            ids = [file.id for file in files]
            if after not in ids:
                raise no_such_file(after)
            files = files[ids.index(after) + 1 :]
        limit = _limit(request.query)
        data = [file.public() for file in files[:limit]]
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        more = len(files) > limit
        return json_reply({"object": "list", "data": data, "first_id": first, "last_id": last, "has_more": more})

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
        with self._lock:
            gone = self._files.pop(file.id, None)
        if gone is None:
            raise no_such_file(file.id)
        self._shelf.remove(file.blob)
        return json_reply({"object": "file", "deleted": True, "id": file.id})

    def _known(self, request: Request, project: str) -> StoredFile:
        file_id = request.args["id"]
        file = self.get(project, file_id)
        if file is None:
            raise no_such_file(file_id)
        return file


def _lifetime(fields: Mapping[str, str], default: int | None) -> int | None:
    anchor, seconds = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return default
    if anchor != "created_at":
        raise bad("Invalid 'expires_after.anchor': must be 'created_at'.", param="expires_after.anchor")
    if seconds is None or not seconds.isdigit() or not 3600 <= int(seconds) <= 2592000:
        raise bad("Invalid 'expires_after.seconds': must be between 3600 and 2592000.", param="expires_after.seconds")
    return int(seconds)


def _one_of(query: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    value = query.get(name, values[0])
    if value not in values:
        raise bad(f"Invalid value: '{value}'. Supported values are: {values}.", param=name, code="invalid_value")
    return value


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", "10000")
    if not text.isdigit() or not 1 <= int(text) <= 10000:
        raise bad(f"Invalid 'limit': expected an integer from 1 to 10000, but got {text} instead.", param="limit")
    return int(text)
