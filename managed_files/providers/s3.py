"""Amazon S3: objects in one bucket. Knows no AI provider. Source: S3's REST API and botocore's service model."""

import hashlib
import html
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from requests import Response

from managed_files.errors import ProviderFailed
from managed_files.providers.aws_credentials import AwsCredentials, domain
from managed_files.providers.s3_upload import PART, MultipartUpload, Objects
from managed_files.providers.wire import Download, Wire
from managed_files.records import Source, Upload
from managed_files.slices import Slice
from managed_files.upstream import Body

# A file's bytes are sent while they arrive, so their digest is not known before them. TLS guards them on their way.
_UNSIGNED = "UNSIGNED-PAYLOAD"
_BLOCK = 256 * 1024  # bytes that are read at once for a digest
_MAY_NOT_LIST = (403, 405, 501)


@dataclass(frozen=True, slots=True)
class Storage:
    """How an account's buckets are reached. `endpoint`: None for Amazon's own. `region` tells where, when it is needed.

    `encryption_key`: of AWS's KMS, for what is written; None: as the bucket has it.
    """

    endpoint: str | None
    credentials: AwsCredentials
    region: Callable[[], str]
    encryption_key: str | None = None

    def headers(self) -> dict[str, str]:
        """Those of an object that is to be written."""
        if self.encryption_key is None:
            return {}
        key = "x-amz-server-side-encryption-aws-kms-key-id"
        return {"x-amz-server-side-encryption": "aws:kms", key: self.encryption_key}


class Bucket(Objects):
    """Objects named `<prefix>/<file id>/<filename>`."""

    def __init__(self, storage: Storage, location: str, wire: Wire, pause: Callable[[float], object] | None = None):
        """`location`: `[s3://]bucket[/prefix]`. `pause` waits for seconds."""
        self._endpoint = storage.endpoint.rstrip("/") if storage.endpoint else None
        self._name, _, self._prefix = location.removeprefix("s3://").strip("/").partition("/")
        self._wire = wire
        self._storage = storage
        self._credentials = storage.credentials
        self._region = storage.region
        self._pause = pause or threading.Event().wait

    def uri(self, file_id: str, filename: str) -> str:
        """`s3://bucket/…`: where the file will be. Pure."""
        return "/".join(part for part in (f"s3://{self._name}", self._prefix, file_id, filename) if part)

    def store(self, uri: str, upload: Upload) -> None:
        """Sends the file as it arrives: in one request if it is small, else in parts. A failure drops the parts."""
        reader = upload.source.open()
        size = upload.source.size()
        if size is None:  # then a part's length and one byte tell whether it is small
            size = reader.available(PART + 1)
        headers = {"Content-Type": upload.mime_type, **self._storage.headers()}
        if size <= PART:
            digest = self.digest(upload.source, 0, size)
            self.call("PUT", uri, body=Slice(reader, size), digest=digest, headers=headers)
        else:
            MultipartUpload(self, uri, self._wire, upload.source, self._pause).send(headers)

    def delete(self, uri: str) -> None:
        """204, also when it is gone already. Parts that a killed process left are dropped too: they cost money."""
        for upload_id in self._unfinished(uri):
            self.call("DELETE", uri, f"uploadId={quote(upload_id, safe='')}", accept=(404,))
        self.call("DELETE", uri, accept=(404,))

    def content(self, uri: str) -> Download:
        """The object's bytes in pieces."""
        url = self._url(uri)
        return self._wire.download(url, headers=self._credentials.s3(self._region(), "GET", url, {}, _sha256(b"")))

    def digest(self, source: Source, offset: int, size: int) -> str:
        """Nothing over TLS. Without it nothing else guards the bytes, and S3 insists: then they are read twice."""
        if self._endpoint is None or not self._endpoint.startswith("http://"):
            return _UNSIGNED
        stretch, digest = Slice(source.open(offset), size), hashlib.sha256()
        while block := stretch.read(_BLOCK):
            digest.update(block)
        return digest.hexdigest()

    def call(
        self,
        method: str,
        uri: str,
        query: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Body | None = None,
        digest: str = "",
        accept: tuple[int, ...] = (),
    ) -> Response:
        url = self._url(uri) + (f"?{query}" if query else "")
        if body is None or isinstance(body, bytes):
            digest = _sha256(body or b"")
        signed = self._credentials.s3(self._region(), method, url, headers or {}, digest)
        return self._wire.send(method, url, headers=signed, body=body, accept=accept)

    def _unfinished(self, uri: str) -> list[str]:
        """Multipart uploads to this very object. Who may not list them has to let the bucket's lifecycle end them."""
        key = uri.removeprefix(f"s3://{self._name}/")
        query = f"prefix={quote(key, safe='')}&uploads="
        try:
            text = self.call("GET", f"s3://{self._name}/", query).content.decode()
        except ProviderFailed as failure:
            if failure.upstream_status in _MAY_NOT_LIST:
                return []
            raise
        found = re.findall(r"<Upload>.*?<Key>([^<]*)</Key>.*?<UploadId>([^<]*)</UploadId>", text, re.DOTALL)
        return [html.unescape(upload_id) for listed, upload_id in found if html.unescape(listed) == key]

    def _url(self, uri: str) -> str:
        """Amazon's hosts are named after the bucket; a name with dots fits no certificate, and goes into the path."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        path = quote(key, safe="/~")
        if self._endpoint is not None:
            return f"{self._endpoint}/{bucket}/{path}"
        region = self._region()
        host = f"s3.{region}.{domain(region)}"
        return f"https://{host}/{bucket}/{path}" if "." in bucket else f"https://{bucket}.{host}/{path}"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
