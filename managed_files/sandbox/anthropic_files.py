"""Anthropic's Files API: upload, list, metadata, content, delete. Wire facts: the `anthropic` package, "Files API"."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from managed_files.sandbox.anthropic_access import NEW, Access
from managed_files.sandbox.anthropic_errors import bad, no_such_file, refused
from managed_files.sandbox.forms import BrokenForm, Form
from managed_files.sandbox.kept_files import KeptFiles
from managed_files.sandbox.pages import UnknownCursor, page_of
from managed_files.sandbox.store import Blob, Shelf
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

MAX_FILE = 500 << 20
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]')
_SHORTEST_LIFE, _LONGEST_LIFE = 3600, 7_776_000


@dataclass(frozen=True)
class StoredFile:
    """One file, which its `workspace` may use and nobody else. `mime_type` decides what it can be used for."""

    id: str
    workspace: str
    filename: str
    mime_type: str
    blob: Blob
    created_at: datetime
    expires_at: datetime | None

    @property
    def sha256(self) -> str:
        return self.blob.sha256

    @property
    def over(self) -> bool:
        return self.expires_at is not None and self.expires_at <= datetime.now(UTC)

    def public(self) -> dict[str, Any]:
        """FileMetadata."""
        return {
            "id": self.id,
            "type": "file",
            "filename": self.filename,
            "mime_type": self.mime_type,
            "size_bytes": self.blob.size,
            "created_at": _rfc3339(self.created_at),
            "downloadable": False,
            "expires_at": _rfc3339(self.expires_at) if self.expires_at else None,
        }


class FileStore(KeptFiles[StoredFile]):
    """All files of all workspaces, and the file routes' handlers."""

    def __init__(self, shelf: Shelf, max_bytes: int):
        super().__init__(shelf)
        self._max_bytes = max_bytes

    def get(self, workspace: str, file_id: str) -> StoredFile:
        """Raises a 404, as for a file that is another's."""
        file = self.files.get(file_id)
        if file is None or file.workspace != workspace:
            raise no_such_file(file_id)
        return file

    # Handlers

    def create(self, request: Request, access: Access) -> Reply:
        return json_reply(self.received(request, _broken, lambda form: self._checked(form, access)).public())

    def _checked(self, form: Form, access: Access) -> StoredFile:
        for extra in form.fields.keys() - {"expires_in_seconds"}:
            raise bad(f"{extra}: Extra inputs are not permitted")
        if form.file is None:
            raise bad("file: Field required")
        name = form.file.filename.rpartition("/")[2] or "unnamed"
        if len(name) > 255 or _FORBIDDEN.search(name):
            raise bad("file: Invalid filename")
        if form.file.blob.size > self._max_bytes:
            raise refused(413, "Request exceeds the maximum size")
        now = datetime.now(UTC)
        return StoredFile(
            id="file_011" + secrets.token_hex(10),
            workspace=access.workspace,
            filename=name,
            mime_type=form.file.content_type.partition(";")[0].strip().lower(),
            blob=form.file.blob,
            created_at=now,
            expires_at=_end(form, access, now),
        )

    def page(self, request: Request, access: Access) -> Reply:
        """Newest first. The older version pages by ids, the newer one by an opaque cursor."""
        files = [file for file in reversed(list(self.files.values())) if file.workspace == access.workspace]
        new = access.version == NEW
        cursor = request.query.get("page", "").removeprefix("page_") if new else request.query.get("after_id")
        try:
            page = page_of(files, _page_limit(request.query), cursor)
        except UnknownCursor as error:
            raise bad("Invalid page cursor") from error
        next_page = f"page_{page.last_id}" if page.more else None
        return json_reply(
            {"data": [file.public() for file in page.items], **({"next_page": next_page} if new else page.ends())}
        )

    def retrieve(self, request: Request, access: Access) -> Reply:
        return json_reply(self.get(access.workspace, request.args["id"]).public())

    def content(self, request: Request, access: Access) -> Reply:
        """Only what code execution made can be downloaded, and here it makes nothing."""
        self.get(access.workspace, request.args["id"])
        raise refused(400, "This file is not downloadable", "file_not_downloadable")

    def delete(self, request: Request, access: Access) -> Reply:
        file = self.get(access.workspace, request.args["id"])
        if not self.remove(file):
            raise no_such_file(file.id)
        return json_reply({"id": file.id, "type": "file_deleted"})


def _broken(error: BrokenForm) -> Refused:
    return bad(f"Could not parse multipart form: {error}.")


def _end(form: Form, access: Access, now: datetime) -> datetime | None:
    text = form.fields.get("expires_in_seconds")
    if text is None:
        return None
    if access.version != NEW:
        raise bad("expires_in_seconds: Extra inputs are not permitted")
    if not text.isdigit() or not _SHORTEST_LIFE <= int(text) <= _LONGEST_LIFE:
        raise bad(f"expires_in_seconds: Input should be between {_SHORTEST_LIFE} and {_LONGEST_LIFE}")
    return now + timedelta(seconds=int(text))


def _page_limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", "20")
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise bad("limit: Input should be between 1 and 1000")
    return int(text)


def _rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
