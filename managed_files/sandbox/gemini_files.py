"""The Gemini API's files: get, list, delete. Wire facts: generativelanguage v1beta."""

import base64
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from managed_files.sandbox.answers import Json
from managed_files.sandbox.google_errors import invalid, refused
from managed_files.sandbox.kept_files import KeptFiles
from managed_files.sandbox.pages import UnknownCursor, page_of
from managed_files.sandbox.store import Blob, Shelf
from managed_files.sandbox.wire import Reply, Request, json_reply

HOST = "https://generativelanguage.googleapis.com"  # stands in every URI, whatever this server's address is
BROKEN = b"BROKEN"  # a file that begins so cannot be processed
GENERATED = "batch-"  # how the names of the files begin that Google makes
LIFE = 48 * 3600.0
_SLOW = ("video/", "audio/", "application/jsonl")


@dataclass
class StoredFile:
    """One file. Times in Unix seconds; `project` may use it, nobody else. `looks_left`: until it is processed."""

    id: str
    project: str
    display_name: str
    mime_type: str
    blob: Blob
    created_at: float
    expires_at: float
    looks_left: int = 0
    generated: bool = False

    @property
    def uri(self) -> str:
        return f"{HOST}/v1beta/files/{self.id}"

    @property
    def bytes(self) -> int:
        return self.blob.size

    @property
    def sha256(self) -> str:
        return self.blob.sha256

    @property
    def over(self) -> bool:
        return self.expires_at <= time.time()

    @property
    def path(self) -> Path | None:
        return self.blob.path

    @property
    def state(self) -> str:
        if self.looks_left:
            return "PROCESSING"
        return "FAILED" if self.blob.head.startswith(BROKEN) else "ACTIVE"

    def resource(self) -> Json:
        """The `File` JSON: sizes are strings, the digest is base64."""
        resource: Json = {
            "name": f"files/{self.id}",
            "mimeType": self.mime_type,
            "sizeBytes": str(self.blob.size),
            "createTime": _rfc3339(self.created_at),
            "updateTime": _rfc3339(self.created_at),
            "expirationTime": _rfc3339(self.expires_at),
            "sha256Hash": base64.b64encode(bytes.fromhex(self.blob.sha256)).decode(),
            "uri": self.uri,
            "state": self.state,
            "source": "GENERATED" if self.generated else "UPLOADED",
        }
        if self.generated:
            resource["downloadUri"] = f"{self.uri}:download?alt=media"
        if self.display_name:
            resource["displayName"] = self.display_name
        if self.state == "FAILED":
            resource["error"] = {"code": 3, "message": "The file could not be processed."}
        return resource


class FileStore(KeptFiles[StoredFile]):
    """All files of all projects, and the file routes' handlers.

    `life`: seconds that a file lives. `processing`: how often a video, a sound or a batch's input is looked at
    before it is usable.
    """

    def __init__(self, shelf: Shelf, life: float, processing: int):
        super().__init__(shelf)
        self._life = life
        self.processing = processing

    def check_free(self, file_id: str) -> None:
        """Names are shared by all projects. Raises a 409."""
        if file_id in self.files:
            raise refused(409, f"Requested entity already exists: files/{file_id}", name="ALREADY_EXISTS")

    def add(self, project: str, meta: Mapping[str, Any], mime_type: str, blob: Blob) -> StoredFile:
        """A new file. `meta`: the checked `file` of the upload's start. Raises a 409."""
        now = time.time()
        file_id = str(meta.get("name") or f"files/{secrets.token_hex(6)}").removeprefix("files/")
        looks = self.processing if mime_type.startswith(_SLOW) else 0
        name = str(meta.get("displayName", ""))
        file = StoredFile(file_id, project, name, mime_type, blob, now, now + self._life, looks)
        self.check_free(file_id)
        return self.put(file)

    def add_generated(self, project: str, file_id: str, mime_type: str, blob: Blob) -> StoredFile:
        """A file that Google made, which can be downloaded."""
        now = time.time()
        return self.put(StoredFile(file_id, project, "", mime_type, blob, now, now + self._life, generated=True))

    def get(self, project: str, file_id: str) -> StoredFile:
        """Raises a 403 for one that is not there, in the words that Google has for another project's as well."""
        file = self.files.get(file_id)
        if file is None or file.project != project:
            raise refused(403, f"You do not have permission to access the File {file_id} or it may not exist.")
        return file

    # Handlers

    def retrieve(self, request: Request, project: str) -> Reply:
        """The resource; looking at it lets time pass for a file that is being processed."""
        file = self.get(project, request.args["id"])
        reply = json_reply(file.resource())
        file.looks_left = max(file.looks_left - 1, 0)
        return reply

    def download(self, request: Request, project: str) -> Reply:
        """`:download?alt=media`: only what Google made itself."""
        file = self.get(project, request.args["id"])
        if not file.generated or request.query.get("alt") != "media":
            raise invalid("Only generated files can be downloaded, with alt=media.")
        return Reply(200, file.blob.pieces(0, file.bytes), {"Content-Type": file.mime_type})

    def delete(self, request: Request, project: str) -> Reply:
        self.remove(self.get(project, request.args["id"]))
        return json_reply({})

    def page(self, request: Request, project: str) -> Reply:
        """Newest first. Honours `pageSize` (10, at most 100) and `pageToken`; `files` is absent when empty."""
        mine = [file for file in reversed(list(self.files.values())) if file.project == project]
        token, size = request.query.get("pageToken"), request.query.get("pageSize", "10")
        if not size.isdigit():
            raise invalid("Request contains an invalid argument.")
        try:
            page = page_of(mine, min(int(size) or 10, 100), token)
        except UnknownCursor as error:
            raise invalid("Request contains an invalid argument.") from error
        answer: Json = {"files": [file.resource() for file in page.items]} if page.items else {}
        return json_reply({**answer, "nextPageToken": page.last_id} if page.more else answer)


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
