"""Cloud Storage's JSON API: objects in one bucket. Knows no AI provider. Source: the API's discovery document."""

import json
import threading
from collections.abc import Callable, Iterator
from urllib.parse import quote, urlencode

from managed_files.errors import GatewayError, ProviderFailed
from managed_files.providers.resumable import ResumableUpload
from managed_files.providers.wire import Download, Wire
from managed_files.records import Upload

_CANCELLED = 499
_LOST = (404, 410)  # the session, not the file: Cloud Storage asks for the whole upload again


class Bucket:
    """Objects named `<prefix>/<file id>/<filename>`. `headers` gives the current credentials."""

    def __init__(
        self,
        endpoint: str,
        location: str,
        wire: Wire,
        headers: Callable[[], dict[str, str]],
        pause: Callable[[float], object] | None = None,
    ):
        """`endpoint`: with or without a scheme, as STORAGE_EMULATOR_HOST may be. `location`: `[gs://]bucket[/prefix]`.

        `pause` waits a number of seconds between two attempts.
        """
        self._endpoint = (endpoint if "://" in endpoint else f"http://{endpoint}").rstrip("/")
        self._name, _, self._prefix = location.removeprefix("gs://").strip("/").partition("/")
        self._wire = wire
        self._headers = headers
        self._pause = pause or threading.Event().wait

    def uri(self, file_id: str, filename: str) -> str:
        """`gs://bucket/…`: where the file will be. Pure."""
        return "/".join(part for part in (f"gs://{self._name}", self._prefix, file_id, filename) if part)

    def store(self, uri: str, upload: Upload) -> None:
        """Sends the file as it arrives. A failure cancels what is half sent. A lost session may be begun anew."""
        session = self._begun(uri, upload.mime_type)
        try:
            ResumableUpload(session, self._wire, upload.source, self._pause).send()
        except BaseException as error:
            self._cancel(session)
            if isinstance(error, ProviderFailed) and error.upstream_status in _LOST:
                error.retryable = True
            raise

    def delete(self, uri: str) -> None:
        """204, or 404 when it is gone already."""
        self._wire.send("DELETE", self._object(uri), headers=self._headers(), accept=(404,))

    def content(self, uri: str) -> Download:
        """The object's bytes in pieces."""
        return self._wire.download(f"{self._object(uri)}?alt=media", headers=self._headers())

    def below(self, folder: str) -> Iterator[str]:
        """The `gs://` addresses of all objects below that of a folder, in the order of their names, page by page."""
        bucket, prefix = _split(f"{folder.rstrip('/')}/")
        query = {"prefix": prefix, "fields": "items(name),nextPageToken"}
        while True:
            url = f"{self._objects(bucket)}?{urlencode(query)}"
            page = self._wire.call("GET", url, headers=self._headers())
            yield from (f"gs://{bucket}/{item['name']}" for item in page.get("items", ()))
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = page["nextPageToken"]

    def _begun(self, uri: str, mime_type: str) -> str:
        """The session's address. It is a credential of its own: whoever has it may write the object."""
        bucket, name = _split(uri)
        metadata = json.dumps({"name": name, "contentType": mime_type}).encode()
        headers = {
            **self._headers(),
            "Content-Type": "application/json; charset=UTF-8",
            "X-Upload-Content-Type": mime_type,
        }
        url = f"{self._endpoint}/upload/storage/v1/b/{quote(bucket, safe='')}/o?uploadType=resumable"
        session = self._wire.send("POST", url, headers=headers, body=metadata).headers.get("Location")
        if not session:
            raise self._wire.nonsense("no Location for a resumable upload")
        return str(session)

    def _cancel(self, session: str) -> None:
        """Best effort, because the first error is the one to tell; Google drops a session after a week by itself."""
        try:
            self._wire.send("DELETE", session, headers={"Content-Length": "0"}, accept=(_CANCELLED, 404, 410))
        except GatewayError:
            return

    def _object(self, uri: str) -> str:
        bucket, name = _split(uri)
        return f"{self._objects(bucket)}/{quote(name, safe='')}"

    def _objects(self, bucket: str) -> str:
        return f"{self._endpoint}/storage/v1/b/{quote(bucket, safe='')}/o"


def _split(uri: str) -> tuple[str, str]:
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    return bucket, name
