"""Cloud Storage's resumable uploads. Wire facts: the JSON API's documents."""

import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from managed_files.sandbox.body import ClientGone
from managed_files.sandbox.faults import ConnectionCut
from managed_files.sandbox.gcs import Buckets, StoredObject
from managed_files.sandbox.gcs_metadata import OCTETS, object_metadata, object_name
from managed_files.sandbox.google_errors import storage_refused
from managed_files.sandbox.partial import Partial
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

CHUNK_UNIT = 256 << 10


@dataclass
class Session:
    """One resumable upload. `total` bytes once known; `done` when the object exists."""

    bucket: str
    meta: dict[str, Any]
    content_type: str
    if_generation_match: str | None
    data: Partial
    total: int | None = None
    done: StoredObject | None = None
    cancelled: bool = False
    busy: threading.Lock = field(default_factory=threading.Lock)


class Sessions:
    """All resumable uploads. A session's URI is its own credential."""

    def __init__(self, buckets: Buckets, shelf: Shelf, url: Callable[[], str]):
        self._buckets = buckets
        self._shelf = shelf
        self._url = url
        self._sessions: dict[str, Session] = {}

    def clear(self) -> None:
        """Forgets every session and what it stored."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            session.data.discard()

    def start(self, request: Request) -> Reply:
        """Opens a session; its URI comes in `Location`."""
        meta = object_metadata(request.body.all())
        meta["name"] = object_name(meta.get("name") or request.query.get("name"))
        length = request.headers.get("X-Upload-Content-Length")
        session = Session(
            request.args["bucket"],
            meta,
            meta.get("contentType") or request.headers.get("X-Upload-Content-Type") or OCTETS,
            request.query.get("ifGenerationMatch"),
            Partial(self._shelf.writer(), CHUNK_UNIT),
            total=None if length is None else int(length),
        )
        upload_id = secrets.token_urlsafe(48)
        self._sessions[upload_id] = session
        location = f"{self._url()}/upload/storage/v1/b/{session.bucket}/o?uploadType=resumable&upload_id={upload_id}"
        return Reply(200, b"", {"Location": location, "X-GUploader-UploadID": upload_id})

    def resume(self, request: Request) -> Reply:
        """`PUT` of a chunk, of a status query, or of the whole rest without Content-Range."""
        session = self._session(request)
        with session.busy:
            if session.done is not None:
                return json_reply(session.done.resource())
            start, total = self._claimed(session, request)
            _agree(session, total)
            if start is not None:
                self._receive(session, request, start)
            if session.data.received == session.total:
                return self._finish(session)
            if session.data.tail:
                session.data.lose_tail()
                raise storage_refused(400, "Invalid request. Chunks but the last must be a multiple of 256 KiB long.")
            return _incomplete(session)

    def _session(self, request: Request) -> Session:
        session = self._sessions.get(request.query.get("upload_id", ""))
        if session is None:
            raise storage_refused(404, "Upload session not found.")
        if session.cancelled:
            raise storage_refused(499, "Upload has been cancelled.")
        return session

    def _claimed(self, session: Session, request: Request) -> tuple[int | None, int | None]:
        """First byte of what comes (None for a status query) and the total if told."""
        header = request.headers.get("Content-Range")
        if header is None:
            length = request.body.length
            return session.data.stored, None if length is None else session.data.stored + length
        found = re.fullmatch(r"bytes (?:\*|(\d+)-(\d+))/(\*|\d+)", header)
        if found is None:
            raise storage_refused(400, f"Failed to parse Content-Range header: {header}")
        first, last, total = found.groups()
        if first is not None and request.body.length not in (None, int(last) - int(first) + 1):
            raise storage_refused(400, "Content-Range does not agree with Content-Length.")
        return None if first is None else int(first), None if total == "*" else int(total)

    def _receive(self, session: Session, request: Request, start: int) -> None:
        """Skips bytes that were stored before, refuses a gap, and on a broken connection keeps the whole units."""
        stored = session.data.stored
        if start > stored:
            raise storage_refused(
                503,
                f"Invalid request. According to the Content-Range header, the upload offset is {start} byte(s), "
                f"which exceeds already uploaded size of {stored} byte(s).",
            )
        skip = stored - start
        try:
            for piece in request.body:
                session.data.take(piece[skip:])
                skip = max(skip - len(piece), 0)
        except (ClientGone, ConnectionCut, OSError):
            session.data.lose_tail()
            raise
        if "Content-Range" not in request.headers:
            _agree(session, session.data.received)
        if session.total is not None and session.data.received > session.total:
            session.data.lose_tail()
            raise storage_refused(400, "Invalid request. There were more bytes than the total that was declared.")

    def _finish(self, session: Session) -> Reply:
        metadata = session.meta.get("metadata") or {}
        blob = session.data.commit()
        stored = StoredObject(session.bucket, session.meta["name"], session.content_type, blob, metadata)
        try:
            self._buckets.put(stored, session.if_generation_match)
        except Refused:
            session.cancelled = True
            raise
        session.done = stored
        return json_reply(stored.resource())

    def cancel(self, request: Request) -> Reply:
        """`DELETE` of the session: 499, and nothing stays."""
        session = self._session(request)
        with session.busy:
            session.cancelled = True
            session.data.discard()
        return Reply(499)


def _agree(session: Session, total: int | None) -> None:
    if total is None:
        return
    if session.total not in (None, total):
        raise storage_refused(400, "Invalid request. The total does not agree with what was declared before.")
    session.total = total


def _incomplete(session: Session) -> Reply:
    """308: the stored range, or no range at all when nothing is stored."""
    kept = {"Range": f"bytes=0-{session.data.stored - 1}"} if session.data.stored else {}
    return Reply(308, b"", kept)
