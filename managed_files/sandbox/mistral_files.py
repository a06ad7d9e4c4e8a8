"""Mistral's Files API: upload, numbered pages, retrieve, content, delete. Wire facts: Mistral's API description."""

import time
import uuid
from dataclasses import dataclass

from managed_files.sandbox.answers import Json
from managed_files.sandbox.forms import BrokenForm, Form
from managed_files.sandbox.kept_files import KeptFiles
from managed_files.sandbox.mistral_errors import bad, flat, invalid, no_such_file
from managed_files.sandbox.store import Blob, Shelf
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

PURPOSES = ("fine-tune", "batch", "ocr", "audio", "agentic_safety")
DEFAULT_LIMIT = 512 << 20
_LINES_ONLY = {"fine-tune": "instruct", "batch": "batch_request"}  # purpose → sample type
_FIELDS = {"purpose", "expiry", "visibility"}


@dataclass(frozen=True)
class MistralFile:
    """One file of one workspace. `created_at` in Unix seconds. `sample_type`: of one that Mistral wrote itself."""

    id: str
    workspace: str
    filename: str
    purpose: str
    content_type: str
    blob: Blob
    created_at: int
    sample_type: str | None = None
    over = False

    @property
    def sha256(self) -> str:
        return self.blob.sha256

    def public(self) -> Json:
        """Mistral's file object: no `status`."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.blob.size,
            "created_at": self.created_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "sample_type": self.sample_type or _LINES_ONLY.get(self.purpose, "ocr_input"),
            "source": "mistral" if self.sample_type else "upload",
            "num_lines": None,
            "mimetype": self.content_type,
            "signature": self.blob.sha256[:32],
            "expires_at": None,
            "visibility": "workspace",
        }


class MistralFiles(KeptFiles[MistralFile]):
    """All files of all workspaces, and the file routes' handlers."""

    def __init__(self, shelf: Shelf, max_bytes: int):
        super().__init__(shelf)
        self._max_bytes = max_bytes

    def get(self, workspace: str, file_id: str) -> MistralFile | None:
        file = self.files.get(file_id)
        return file if file and file.workspace == workspace else None

    def write(self, workspace: str, filename: str, sample_type: str, blob: Blob) -> str:
        """Stores a file of Mistral's own; its id."""
        kept = (filename, "batch", "application/jsonl", blob, int(time.time()), sample_type)
        return self.put(MistralFile(str(uuid.uuid4()), workspace, *kept)).id

    # Handlers

    def create(self, request: Request, workspace: str) -> Reply:
        return json_reply(self.received(request, _broken, lambda form: self._checked(form, workspace)).public())

    def _checked(self, form: Form, workspace: str) -> MistralFile:
        if form.file is None:
            raise invalid(("body", "file"), "Field required", "missing")
        for name in sorted(form.fields.keys() - _FIELDS):
            raise invalid(("body", name), "Extra inputs are not permitted", "extra_forbidden")
        purpose = form.fields.get("purpose", "fine-tune")
        if purpose not in PURPOSES:
            raise invalid(("body", "purpose"), f"Input should be one of {PURPOSES}", "enum")
        if purpose in _LINES_ONLY and not form.file.filename.endswith(".jsonl"):
            raise invalid(("body", "file"), f"Invalid file format for purpose {purpose}: expected .jsonl")
        if form.file.blob.size > self._max_bytes:
            raise Refused(flat(413, f"File too large: at most {self._max_bytes} bytes."))
        now = int(time.time())
        kept = (form.file.filename, purpose, form.file.content_type, form.file.blob, now)
        return MistralFile(str(uuid.uuid4()), workspace, *kept)

    def page(self, request: Request, workspace: str) -> Reply:
        """Honours `page` (from 0), `page_size` (default 100) and `purpose`; newest first."""
        files = [file for file in reversed(list(self.files.values())) if file.workspace == workspace]
        if purpose := request.query.get("purpose"):
            files = [file for file in files if file.purpose == purpose]
        size, number = count_in(request, "page_size", 100, least=1), count_in(request, "page", 0, least=0)
        data = [file.public() for file in files[number * size : (number + 1) * size]]
        return json_reply({"data": data, "object": "list", "total": len(files)})

    def retrieve(self, request: Request, workspace: str) -> Reply:
        return json_reply({**self._known(request, workspace).public(), "deleted": False})

    def content(self, request: Request, workspace: str) -> Reply:
        """The bytes, of any purpose."""
        blob = self._known(request, workspace).blob
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)}
        return Reply(200, blob.pieces(0, blob.size), headers)

    def delete(self, request: Request, workspace: str) -> Reply:
        file = self._known(request, workspace)
        if not self.remove(file):
            raise no_such_file(file.id)
        return json_reply({"id": file.id, "object": "file", "deleted": True})

    def _known(self, request: Request, workspace: str) -> MistralFile:
        file_id = request.args["id"]
        try:
            uuid.UUID(file_id)
        except ValueError as error:
            raise invalid(("path", "file_id"), "Input should be a valid UUID", "uuid_parsing") from error
        file = self.get(workspace, file_id)
        if file is None:
            raise no_such_file(file_id)
        return file


def _broken(error: BrokenForm) -> Refused:
    return bad(f"There was an error parsing the body: {error}.")


def count_in(request: Request, name: str, default: int, *, least: int) -> int:
    """A number of the query. Raises a 422."""
    text = request.query.get(name, str(default))
    if not text.isdigit() or int(text) < least:
        raise invalid(("query", name), f"Input should be greater than or equal to {least}")
    return int(text)
