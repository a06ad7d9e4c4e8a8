"""The Gemini API's resumable uploads. Wire facts: generativelanguage v1beta, and what google-genai sends."""

import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from managed_files.sandbox.answers import Json
from managed_files.sandbox.body import ClientGone
from managed_files.sandbox.faults import ConnectionCut
from managed_files.sandbox.gemini_calls import parsed_body
from managed_files.sandbox.gemini_files import GENERATED, FileStore
from managed_files.sandbox.google_errors import invalid, refused
from managed_files.sandbox.partial import Partial
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

_NAME = re.compile(r"files/[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_LONGEST_DISPLAY_NAME = 512


@dataclass
class Session:
    """One upload of `total` bytes. `status`: active, final or cancelled."""

    project: str
    meta: Json
    mime_type: str
    total: int
    data: Partial
    status: str = "active"
    busy: threading.Lock = field(default_factory=threading.Lock)


class Uploads:
    """All sessions. A session's address is its own credential.

    `granularity`: every chunk but the last has to be a multiple of so many bytes. `max_bytes`: of one file.
    """

    def __init__(self, store: FileStore, shelf: Shelf, url: Callable[[], str], granularity: int, max_bytes: int):
        self._store = store
        self._shelf = shelf
        self._url = url
        self._granularity = granularity
        self._max_bytes = max_bytes
        self._sessions: dict[str, Session] = {}

    def clear(self) -> None:
        """Forgets every session and what it stored."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            session.data.discard()

    def start(self, request: Request, project: str) -> Reply:
        """Opens a session; its address comes in a header, and the JSON is empty."""
        said = {name: request.headers.get(f"X-Goog-Upload-{name}", "") for name in ("Protocol", "Command")}
        if said != {"Protocol": "resumable", "Command": "start"}:
            raise invalid("Upload must be initiated with the resumable protocol and the command start.")
        length = request.headers.get("X-Goog-Upload-Header-Content-Length", "")
        mime_type = request.headers.get("X-Goog-Upload-Header-Content-Type", "application/octet-stream")
        meta = _metadata(request)
        if not length.isdigit():
            raise invalid("X-Goog-Upload-Header-Content-Length has to be the file's size.")
        if int(length) > self._max_bytes:
            raise invalid(f"The file is larger than {self._max_bytes} bytes.")
        if "name" in meta:
            self._store.check_free(meta["name"].removeprefix("files/"))
        upload_id = secrets.token_urlsafe(48)
        data = Partial(self._shelf.writer(), self._granularity)
        self._sessions[upload_id] = Session(project, meta, mime_type, int(length), data)
        url = f"{self._url()}{request.path}?upload_id={upload_id}&upload_protocol=resumable"
        return json_reply({}, headers={**self._head("active"), "X-Goog-Upload-URL": url})

    def go_on(self, request: Request) -> Reply:
        """`upload`, `upload, finalize`, `finalize`, `query` or `cancel`; all of them by POST."""
        session = self._sessions.get(request.query["upload_id"])
        if session is None:
            raise refused(404, "Upload session not found.")
        commands = {word.strip() for word in request.headers.get("X-Goog-Upload-Command", "").split(",")}
        with session.busy:
            if commands == {"query"}:
                return self._told(session)
            if session.status != "active":
                raise invalid(f"Upload has already been {session.status}.")
            if commands == {"cancel"}:
                session.status = "cancelled"
                session.data.discard()
                return self._told(session)
            if not commands or not commands <= {"upload", "finalize"}:
                raise invalid("Unknown X-Goog-Upload-Command.")
            if "upload" in commands:
                _receive(session, request)
            if "finalize" in commands:
                return self._finish(session)
            if session.data.tail:
                session.data.lose_tail()
                raise invalid(f"Chunks but the last must be a multiple of {self._granularity} bytes long.")
            return Reply(200, b"", self._head("active"))

    def _told(self, session: Session) -> Reply:
        received = {"X-Goog-Upload-Size-Received": str(session.data.stored)}
        return Reply(200, b"", {**self._head(session.status), **received})

    def _finish(self, session: Session) -> Reply:
        if session.data.received != session.total:
            received = session.data.received
            session.data.lose_tail()
            raise invalid(f"{received} bytes came, but {session.total} were declared.")
        blob = session.data.commit()
        try:
            file = self._store.add(session.project, session.meta, session.mime_type, blob)
        except Refused:
            session.status = "cancelled"
            self._shelf.remove(blob)
            raise
        session.status = "final"
        return json_reply({"file": file.resource()}, headers=self._head("final"))

    def _head(self, status: str) -> dict[str, str]:
        return {"X-Goog-Upload-Status": status, "X-Goog-Upload-Chunk-Granularity": str(self._granularity)}


def _metadata(request: Request) -> Json:
    """The `file` of the body in camelCase; no body is none. Raises a 400."""
    meta: Json = {} if request.body.ended else parsed_body(request, "CreateFileRequest").get("file", {})
    if "name" in meta and not _NAME.fullmatch(meta["name"]):
        raise invalid("* CreateFileRequest.file.name: must be lowercase letters, digits and dashes, at most 40.")
    if meta.get("name", "").startswith(f"files/{GENERATED}"):
        raise invalid(f"* CreateFileRequest.file.name: names that begin with {GENERATED} are Google's own.")
    if len(meta.get("displayName", "")) > _LONGEST_DISPLAY_NAME:
        raise invalid(f"* CreateFileRequest.file.display_name: at most {_LONGEST_DISPLAY_NAME} characters.")
    return meta


def _receive(session: Session, request: Request) -> None:
    """Takes a chunk that continues what is stored; a broken connection leaves whole units."""
    offset = request.headers.get("X-Goog-Upload-Offset")
    if offset != str(session.data.stored):
        raise invalid(f"The upload offset is {offset}, but {session.data.stored} bytes are stored.")
    try:
        for piece in request.body:
            session.data.take(piece)
    except (ClientGone, ConnectionCut, OSError):
        session.data.lose_tail()
        raise
    if session.data.received > session.total:
        session.data.lose_tail()
        raise invalid(f"There were more bytes than the {session.total} that were declared.")
