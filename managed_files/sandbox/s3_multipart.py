"""S3's multipart uploads. Source: S3's REST API."""

import hashlib
import re
import secrets
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.sax.saxutils import escape, unescape

from managed_files.sandbox.s3 import XMLNS, S3Buckets, S3Object, etag_of, receive, xml_reply
from managed_files.sandbox.s3_errors import error_xml, s3_refused
from managed_files.sandbox.store import Blob, Shelf
from managed_files.sandbox.wire import Reply, Request

SMALLEST_PART = 5 << 20  # bytes of every part but the last
_PART = re.compile(r"<Part>(.*?)</Part>", re.DOTALL)


@dataclass
class Multipart:
    """One upload on its way. `parts`: number → bytes."""

    bucket: str
    key: str
    content_type: str
    parts: dict[int, Blob] = field(default_factory=dict)


class Multiparts:
    """All uploads in parts. `complete_errors`: codes with which the next completions fail, under a 200."""

    def __init__(self, buckets: S3Buckets):
        self._buckets = buckets
        self._shelf = Shelf(with_md5=True)
        self._lock = threading.Lock()
        self.uploads: dict[str, Multipart] = {}
        self.complete_errors: list[str] = []

    def clear(self) -> None:
        with self._lock:
            self.uploads.clear()
            self.complete_errors.clear()
        self._shelf.close()

    def begin(self, request: Request) -> Reply:
        """`POST ?uploads`."""
        bucket, key = self._buckets.check(request.args["bucket"]), request.args["key"]
        upload_id = secrets.token_urlsafe(64) + "=="  # has to be encoded in a query
        kind = request.headers.get("Content-Type") or "binary/octet-stream"
        with self._lock:
            self.uploads[upload_id] = Multipart(bucket, key, kind)
        names = f"<Bucket>{bucket}</Bucket><Key>{escape(key)}</Key><UploadId>{upload_id}</UploadId>"
        return xml_reply(f"<InitiateMultipartUploadResult {XMLNS}>{names}</InitiateMultipartUploadResult>")

    def part(self, request: Request) -> Reply:
        """`PUT ?partNumber=N&uploadId=U`; a number that came before is replaced."""
        upload, number = self._known(request), request.query["partNumber"]
        if not number.isdigit() or not 1 <= int(number) <= 10_000:
            raise s3_refused(400, "InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
        with self._shelf.writer() as writer:
            receive(request, writer)
            blob = writer.commit()
        with self._lock:
            upload.parts[int(number)] = blob
        return Reply(200, b"", {"ETag": etag_of(blob)})

    def complete(self, request: Request) -> Reply:
        """`POST ?uploadId=U`. S3 begins its 200 before it is done, so that an error may come inside of it."""
        upload = self._known(request)
        body = request.body.all().decode()
        if self.complete_errors:
            return xml_reply(
                error_xml(self.complete_errors.pop(0), "We encountered an internal error. Please try again.")
            )
        blobs = self._named(upload, body)
        with self._buckets.shelf.writer() as writer:
            for blob in blobs:
                for piece in blob.pieces(0, blob.size):
                    writer.write(piece)
            whole = writer.commit()
        md5 = hashlib.md5(b"".join(bytes.fromhex(etag_of(blob).strip('"')) for blob in blobs), usedforsecurity=False)
        etag = f'"{md5.hexdigest()}-{len(blobs)}"'
        made = datetime.now(UTC).timestamp()
        self._buckets.put(S3Object(upload.bucket, upload.key, upload.content_type, whole, etag, made))
        self._forget(request.query["uploadId"])
        names = f"<Bucket>{upload.bucket}</Bucket><Key>{escape(upload.key)}</Key><ETag>{escape(etag)}</ETag>"
        return xml_reply(f"<CompleteMultipartUploadResult {XMLNS}>{names}</CompleteMultipartUploadResult>")

    def abort(self, request: Request) -> Reply:
        """`DELETE ?uploadId=U`."""
        self._known(request)
        self._forget(request.query["uploadId"])
        return Reply(204)

    def page(self, request: Request) -> Reply:
        """`GET /bucket?uploads`, by `prefix`."""
        bucket, prefix = self._buckets.check(request.args["bucket"]), request.query.get("prefix", "")
        with self._lock:
            found = [(one.key, upload_id) for upload_id, one in self.uploads.items() if one.bucket == bucket]
        items = "".join(
            f"<Upload><Key>{escape(key)}</Key><UploadId>{upload_id}</UploadId></Upload>"
            for key, upload_id in sorted(found)
            if key.startswith(prefix)
        )
        head = f"<Bucket>{bucket}</Bucket><IsTruncated>false</IsTruncated>"
        return xml_reply(f"<ListMultipartUploadsResult {XMLNS}>{head}{items}</ListMultipartUploadsResult>")

    def _known(self, request: Request) -> Multipart:
        with self._lock:
            upload = self.uploads.get(request.query["uploadId"])
        if upload is None or (upload.bucket, upload.key) != (request.args["bucket"], request.args["key"]):
            raise s3_refused(404, "NoSuchUpload", "The specified multipart upload does not exist.")
        return upload

    def _named(self, upload: Multipart, body: str) -> list[Blob]:
        """The parts that the request lists, in its order, which has to be theirs."""
        listed = [(_inner(part, "PartNumber"), _inner(part, "ETag")) for part in _PART.findall(body)]
        if not listed or not all(number.isdigit() for number, _ in listed):
            raise s3_refused(400, "MalformedXML", "The XML you provided was not well-formed.")
        numbers = [int(number) for number, _ in listed]
        if numbers != sorted(set(numbers)):
            raise s3_refused(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
        blobs = [upload.parts.get(number) for number in numbers]
        agreed = [blob for blob, (_, tag) in zip(blobs, listed, strict=True) if blob and etag_of(blob) == tag]
        if len(agreed) < len(listed):
            raise s3_refused(400, "InvalidPart", "One or more of the specified parts could not be found.")
        if any(blob.size < SMALLEST_PART for blob in agreed[:-1]):
            raise s3_refused(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
        return agreed

    def _forget(self, upload_id: str) -> None:
        with self._lock:
            upload = self.uploads.pop(upload_id, None)
        for blob in upload.parts.values() if upload else ():
            self._shelf.remove(blob)


def _inner(text: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return unescape(found[1], {"&quot;": '"'}) if found else ""
