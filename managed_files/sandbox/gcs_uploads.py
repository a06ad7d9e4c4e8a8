"""Cloud Storage's uploads in one request: media and multipart/related. Wire facts: the JSON API's documents."""

import re
from typing import Any

from werkzeug.http import parse_options_header

from managed_files.sandbox.gcs import Buckets, StoredObject
from managed_files.sandbox.gcs_metadata import OCTETS, object_metadata, object_name
from managed_files.sandbox.gcs_resumable import Sessions
from managed_files.sandbox.google_errors import storage_refused
from managed_files.sandbox.store import Shelf, Writer
from managed_files.sandbox.wire import Reply, Request, json_reply


class Uploads:
    """The handlers of `POST …/o?uploadType=`."""

    def __init__(self, buckets: Buckets, shelf: Shelf, sessions: Sessions):
        self._buckets = buckets
        self._shelf = shelf
        self._sessions = sessions

    def begin(self, request: Request) -> Reply:
        """`POST …/o?uploadType=media|multipart|resumable`."""
        self._buckets.check(request.args["bucket"])
        kinds = {"media": self._media, "multipart": self._multipart, "resumable": self._sessions.start}
        kind = request.query.get("uploadType")
        if kind not in kinds:
            raise storage_refused(400, f"Invalid upload type: {kind}")
        return kinds[kind](request)

    def _media(self, request: Request) -> Reply:
        name = object_name(request.query.get("name"))
        with self._shelf.writer() as writer:
            for piece in request.body:
                writer.write(piece)
            meta = {"name": name, "contentType": request.headers.get("Content-Type") or OCTETS}
            return json_reply(self._store(request, meta, writer).resource())

    def _multipart(self, request: Request) -> Reply:
        kind, options = parse_options_header(request.headers.get("Content-Type", ""))
        if kind != "multipart/related" or not options.get("boundary"):
            raise storage_refused(400, "Multipart upload needs Content-Type multipart/related with a boundary.")
        meta, content_type, data = _related(request.body.all(), options["boundary"])
        meta = {"contentType": content_type, **meta, "name": object_name(meta.get("name") or request.query.get("name"))}
        with self._shelf.writer() as writer:
            writer.write(data)
            return json_reply(self._store(request, meta, writer).resource())

    def _store(self, request: Request, meta: dict[str, Any], writer: Writer) -> StoredObject:
        kind = str(meta.get("contentType") or OCTETS)
        bucket = request.args["bucket"]
        stored = StoredObject(bucket, meta["name"], kind, writer.commit(), meta.get("metadata") or {})
        self._buckets.put(stored, request.query.get("ifGenerationMatch"))
        return stored


def _related(body: bytes, boundary: str) -> tuple[dict[str, Any], str, bytes]:
    """Metadata, content type and bytes of a multipart/related upload of two parts."""
    mark = b"--" + boundary.encode()
    sections = (b"\r\n" + body).split(b"\r\n" + mark)
    if len(sections) != 4 or not sections[3].startswith(b"--"):
        raise storage_refused(400, "Malformed multipart body.")
    meta_part, media_part = sections[1].lstrip(b"\r\n"), sections[2].removeprefix(b"\r\n")
    _, _, meta = meta_part.partition(b"\r\n\r\n")
    head, _, data = media_part.partition(b"\r\n\r\n")
    kind = re.search(rb"(?im)^content-type:\s*([^\r\n]+)", head)
    return object_metadata(meta), kind[1].decode() if kind else OCTETS, data
