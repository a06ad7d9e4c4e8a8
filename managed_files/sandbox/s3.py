"""S3's objects, listings and downloads, path-style. Source: S3's REST API."""

import base64
import hashlib
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import quote
from xml.sax.saxutils import escape

from managed_files.sandbox.s3_errors import s3_refused
from managed_files.sandbox.sigv4 import UNSIGNED
from managed_files.sandbox.store import Blob, Shelf, Writer
from managed_files.sandbox.wire import Reply, Request

XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


@dataclass(frozen=True)
class S3Object:
    """One object. `etag`: with its quotes."""

    bucket: str
    key: str
    content_type: str
    blob: Blob
    etag: str
    made: float

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def sha256(self) -> str:
        return self.blob.sha256

    @property
    def bytes(self) -> int:
        return self.blob.size


class S3Buckets:
    """All buckets and their objects. `foreign` buckets exist but belong to somebody else. Safe from any thread.

    `page_size`: what a page of a list holds at most, whatever is asked for.
    """

    page_size = 1000

    def __init__(self, shelf: Shelf, names: Iterable[str], foreign: Iterable[str]):
        self.shelf = shelf
        self.names = tuple(names)
        self.foreign = tuple(foreign)
        self._lock = threading.Lock()
        self._objects: dict[str, S3Object] = {}

    @property
    def objects(self) -> Mapping[str, S3Object]:
        """What is stored now, by s3:// URI."""
        with self._lock:
            return dict(self._objects)

    def check(self, bucket: str) -> str:
        """The bucket's name. Raises 404 for one that does not exist, 403 for somebody else's."""
        if bucket in self.foreign:
            raise s3_refused(403, "AccessDenied", "Access Denied")
        if bucket not in self.names:
            raise s3_refused(404, "NoSuchBucket", "The specified bucket does not exist")
        return bucket

    def put(self, stored: S3Object) -> None:
        """Stores or replaces."""
        with self._lock:
            old = self._objects.pop(stored.uri, None)
            self._objects[stored.uri] = stored
        if old is not None:
            self.shelf.remove(old.blob)

    def clear(self) -> None:
        with self._lock:
            objects, self._objects = self._objects, {}
        for stored in objects.values():
            self.shelf.remove(stored.blob)

    # Handlers

    def store(self, request: Request) -> Reply:
        """`PUT` of a whole object."""
        bucket, key = self.check(request.args["bucket"]), request.args["key"]
        if len(key.encode()) > 1024:
            raise s3_refused(400, "KeyTooLongError", "Your key is too long")
        with self.shelf.writer() as writer:
            receive(request, writer)
            blob = writer.commit()
        kind = request.headers.get("Content-Type") or "binary/octet-stream"
        stored = S3Object(bucket, key, kind, blob, etag_of(blob), datetime.now(UTC).timestamp())
        self.put(stored)
        return Reply(200, b"", {"ETag": stored.etag})

    def get(self, request: Request) -> Reply:
        stored = self.objects.get(f"s3://{self.check(request.args['bucket'])}/{request.args['key']}")
        if stored is None:
            raise s3_refused(404, "NoSuchKey", "The specified key does not exist.")
        start, stop = _range(request.headers.get("Range"), stored.bytes)
        headers = {
            "Content-Type": stored.content_type,
            "Content-Length": str(stop - start),
            "ETag": stored.etag,
            "Last-Modified": formatdate(stored.made, usegmt=True),
            "Accept-Ranges": "bytes",
        }
        partial = (start, stop) != (0, stored.bytes)
        if partial:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{stored.bytes}"
        return Reply(206 if partial else 200, stored.blob.pieces(start, stop), headers)

    def delete(self, request: Request) -> Reply:
        """204, whether there was something or not."""
        with self._lock:
            gone = self._objects.pop(f"s3://{self.check(request.args['bucket'])}/{request.args['key']}", None)
        if gone is not None:
            self.shelf.remove(gone.blob)
        return Reply(204)

    def page(self, request: Request) -> Reply:
        """`GET /bucket?list-type=2`: honours `prefix`, `max-keys` and `continuation-token`."""
        bucket, query = self.check(request.args["bucket"]), request.query
        start = f"s3://{bucket}/{query.get('prefix', '')}"
        found = sorted(one.key for uri, one in self.objects.items() if uri.startswith(start))
        rest = [key for key in found if key > query.get("continuation-token", "")]
        shown = rest[: min(int(query.get("max-keys", "1000")), self.page_size)]
        encoded = query.get("encoding-type") == "url"
        names = [quote(key, safe="/") if encoded else escape(key) for key in shown]
        items = "".join(f"<Contents><Key>{name}</Key></Contents>" for name in names)
        more = len(rest) > len(shown)
        token = f"<NextContinuationToken>{escape(shown[-1])}</NextContinuationToken>" if more and shown else ""
        coding = "<EncodingType>url</EncodingType>" if encoded else ""
        head = f"<Name>{bucket}</Name><KeyCount>{len(shown)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>"
        return xml_reply(f"<ListBucketResult {XMLNS}>{head}{coding}{items}{token}</ListBucketResult>")


def xml_reply(document: str) -> Reply:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{document}'.encode()
    return Reply(200, body, {"Content-Type": "application/xml"})


def etag_of(blob: Blob) -> str:
    """The MD5 in hexadecimal digits, in quotes."""
    return f'"{base64.b64decode(blob.md5).hex()}"'


def receive(request: Request, writer: Writer) -> None:
    """The request's bytes, which need a length, and a digest if one was signed."""
    if request.body.length is None:
        raise s3_refused(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
    digest = hashlib.sha256()
    for piece in request.body:
        digest.update(piece)
        writer.write(piece)
    if request.headers["X-Amz-Content-SHA256"] not in (UNSIGNED, digest.hexdigest()):
        raise s3_refused(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' does not match.")


def _range(header: str | None, size: int) -> tuple[int, int]:
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", header or "")
    if found is None:
        return 0, size
    start = int(found[1])
    if start >= size:
        raise s3_refused(416, "InvalidRange", "The requested range is not satisfiable")
    return start, min(int(found[2]) + 1 if found[2] else size, size)
