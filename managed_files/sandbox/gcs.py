"""Cloud Storage's JSON API: objects, listings, downloads. Wire facts: the API's discovery document."""

import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from managed_files.sandbox.google_errors import storage_refused
from managed_files.sandbox.store import Blob, Shelf
from managed_files.sandbox.wire import Reply, Request, json_reply


@dataclass(frozen=True)
class StoredObject:
    """One object of a bucket."""

    bucket: str
    name: str
    content_type: str
    blob: Blob
    metadata: Mapping[str, str] = field(default_factory=dict)
    generation: int = field(default_factory=lambda: time.time_ns() // 1000)

    @property
    def uri(self) -> str:
        return f"gs://{self.bucket}/{self.name}"

    @property
    def bytes(self) -> int:
        return self.blob.size

    @property
    def sha256(self) -> str:
        return self.blob.sha256

    @property
    def path(self) -> Path | None:
        return self.blob.path

    def resource(self) -> dict[str, Any]:
        """The `storage#object` JSON: sizes and generations are strings."""
        made = datetime.fromtimestamp(self.generation / 1e6, UTC).isoformat(timespec="milliseconds")
        link = f"/storage/v1/b/{self.bucket}/o/{quote(self.name, safe='')}"
        resource = {
            "kind": "storage#object",
            "id": f"{self.bucket}/{self.name}/{self.generation}",
            "selfLink": f"https://www.googleapis.com{link}",
            "mediaLink": f"https://storage.googleapis.com/download{link}?generation={self.generation}&alt=media",
            "name": self.name,
            "bucket": self.bucket,
            "generation": str(self.generation),
            "metageneration": "1",
            "contentType": self.content_type,
            "storageClass": "STANDARD",
            "size": str(self.blob.size),
            "md5Hash": self.blob.md5,
            "etag": f"CN{self.generation}",
            "timeCreated": made.replace("+00:00", "Z"),
            "updated": made.replace("+00:00", "Z"),
        }
        return {**resource, "metadata": dict(self.metadata)} if self.metadata else resource


class Buckets:
    """All buckets and their objects. `foreign` buckets exist but belong to another project. Safe from any thread."""

    def __init__(self, shelf: Shelf, names: Iterable[str], foreign: Iterable[str]):
        self._shelf = shelf
        self.names = tuple(names)
        self.foreign = tuple(foreign)
        self._lock = threading.Lock()
        self._objects: dict[str, StoredObject] = {}

    @property
    def objects(self) -> Mapping[str, StoredObject]:
        """What is stored now, by gs:// URI."""
        with self._lock:
            return dict(self._objects)

    def check(self, bucket: str) -> str:
        """The bucket's name. Raises 404 for one that does not exist, 403 for another project's."""
        if bucket in self.foreign:
            raise storage_refused(403, f"The caller does not have storage.objects access to bucket {bucket}.")
        if bucket not in self.names:
            raise storage_refused(404, "The specified bucket does not exist.")
        return bucket

    def put(self, stored: StoredObject, if_generation_match: str | None) -> None:
        """Stores or replaces. Raises 412 when the precondition does not hold; then the bytes are dropped."""
        with self._lock:
            old = self._objects.get(stored.uri)
            agreed = if_generation_match in (None, str(old.generation if old else 0))
            if agreed:
                self._objects[stored.uri] = stored
        unused = old if agreed else stored
        if unused is not None:
            self._shelf.remove(unused.blob)
        if not agreed:
            raise storage_refused(412, "At least one of the pre-conditions you specified did not hold.")

    def clear(self) -> None:
        with self._lock:
            objects, self._objects = self._objects, {}
        for stored in objects.values():
            self._shelf.remove(stored.blob)

    # Handlers

    def get(self, request: Request) -> Reply:
        if request.query.get("alt") == "media":
            return self.download(request)
        return json_reply(self._known(request).resource())

    def delete(self, request: Request) -> Reply:
        stored = self._known(request)
        with self._lock:
            gone = self._objects.pop(stored.uri, None)
        if gone is None:
            raise _no_object(stored.bucket, stored.name)
        self._shelf.remove(stored.blob)
        return Reply(204)

    def page(self, request: Request) -> Reply:
        """Honours `prefix`, `maxResults` and `pageToken`; `items` is absent when empty."""
        bucket = self.check(request.args["bucket"])
        start = f"gs://{bucket}/{request.query.get('prefix', '')}"
        found = sorted((stored.name, stored) for uri, stored in self.objects.items() if uri.startswith(start))
        after = request.query.get("pageToken", "")
        rest = [stored for name, stored in found if name > after]
        limit = min(int(request.query.get("maxResults", "1000")), 1000)
        answer: dict[str, Any] = {"kind": "storage#objects"}
        if rest[:limit]:
            answer["items"] = [stored.resource() for stored in rest[:limit]]
        if len(rest) > limit:
            answer["nextPageToken"] = rest[limit - 1].name
        return json_reply(answer)

    def download(self, request: Request) -> Reply:
        stored = self._known(request)
        size = stored.blob.size
        start, stop = _range(request.headers.get("Range"), size)
        headers = {
            "Content-Type": stored.content_type,
            "Content-Length": str(stop - start),
            "X-Goog-Hash": f"md5={stored.blob.md5}",
            "X-Goog-Generation": str(stored.generation),
        }
        partial = (start, stop) != (0, size)
        if partial:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        return Reply(206 if partial else 200, stored.blob.pieces(start, stop), headers)

    def _known(self, request: Request) -> StoredObject:
        bucket, name = self.check(request.args["bucket"]), request.args["object"]
        stored = self.objects.get(f"gs://{bucket}/{name}")
        if stored is None:
            raise _no_object(bucket, name)
        return stored


def _no_object(bucket: str, name: str) -> Exception:
    return storage_refused(404, f"No such object: {bucket}/{name}")


def _range(header: str | None, size: int) -> tuple[int, int]:
    """Start and stop (exclusive) of a single byte range; all bytes without one. Raises 416."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "")
    if found is None or found.groups() == ("", ""):
        return 0, size
    first, last = found.groups()
    if not first:
        return max(size - int(last), 0), size
    if int(first) >= size:
        raise storage_refused(416, "The requested range cannot be satisfied.")
    return int(first), min(int(last) + 1 if last else size, size)
