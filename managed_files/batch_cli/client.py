"""A client of a running gateway, for what the command line does with batches. Knows its HTTP API; prints nothing."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO
from urllib.parse import quote, urlsplit

import requests
from requests import PreparedRequest, Response, Session
from requests.auth import AuthBase

from managed_files.errors import GatewayError, InvalidRequest
from managed_files.providers.multipart import MultipartFile

_TIMEOUT = 10.0, 60.0  # seconds to connect, and without a byte
_UPLOAD_TIMEOUT = 10.0, 1800.0  # the gateway answers when the providers have everything
_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_PAUSES = 0.2, 2.0  # seconds before a batch is asked for again
_PIECE = 64 * 1024
_MIME_TYPE = "application/jsonl"

Json = dict[str, Any]
Told = Callable[[int], object]  # how many bytes more have gone by


class Refused(GatewayError):
    """The gateway says no, or nothing. `passing`: a later try may succeed."""

    def __init__(self, message: str, *, passing: bool):
        super().__init__(message)
        self.passing = passing


class BatchClient:
    """Calls one gateway with one key. Every method raises Refused, whose message never shows the key."""

    def __init__(self, base_url: str, key: str | None):
        """Raises InvalidRequest for an address or a key that cannot be one."""
        self._base_url = _checked_url(base_url)
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            raise InvalidRequest("The API key is not one printable word.")
        self._key = key
        self._session = Session()
        self._session.auth = _Bearer(key)
        # A kept connection may be closed by the other side just as the next look at a batch is sent over it.
        self._session.headers["Connection"] = "close"

    def upload(self, file: BinaryIO, size: int, filename: str, targets: str | None, told: Told) -> Json:
        """Sends a file of lines, `size` bytes of it; the file object. Raises InvalidRequest if it becomes shorter."""
        fields = {"purpose": "batch"} | ({"target_model_names": targets} if targets else {})
        body = MultipartFile(fields, "file", filename, _MIME_TYPE, _Counted(file, size, told), size)
        headers = {"Content-Type": body.content_type}
        return self._json("POST", "/files", "id", data=body, headers=headers, timeout=_UPLOAD_TIMEOUT)

    def create(self, body: Mapping[str, Any]) -> Json:
        """Makes a batch, and only one: should the answer be lost, it is asked for again under the same key."""
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        for pause in _PAUSES:
            try:
                return self._json("POST", "/batches", "id", json=dict(body), headers=headers)
            except Refused as error:
                if not error.passing:
                    raise
            time.sleep(pause)
        return self._json("POST", "/batches", "id", json=dict(body), headers=headers)

    def batch(self, batch_id: str) -> Json:
        return self._json("GET", f"/batches/{quote(batch_id, safe='')}", "request_counts")

    def file(self, file_id: str) -> Json:
        return self._json("GET", f"/files/{quote(file_id, safe='')}", "bytes")

    def delete(self, file_id: str) -> None:
        self._json("DELETE", f"/files/{quote(file_id, safe='')}", "deleted")

    def content(self, file_id: str) -> Iterator[bytes]:
        """A file's bytes as they arrive."""
        with self._call("GET", f"/files/{quote(file_id, safe='')}/content", stream=True) as answer:
            try:
                yield from answer.iter_content(_PIECE)
            except requests.RequestException as error:
                raise self._silent(error) from error

    def close(self) -> None:
        self._session.close()

    def _json(self, method: str, path: str, needed: str, **options: Any) -> Json:
        """An object that has the field `needed`; another one is no gateway's, or the address leads elsewhere."""
        answer = self._call(method, path, **options)
        try:
            value = answer.json()
        except ValueError:
            value = None
        if not isinstance(value, dict) or needed not in value:
            raise Refused(f"{self._base_url} does not answer like a gateway.", passing=False)
        return value

    def _call(self, method: str, path: str, **options: Any) -> Response:
        options = {"timeout": _TIMEOUT, "allow_redirects": False, **options}
        try:
            answer = self._session.request(method, self._base_url + path, **options)
            if answer.status_code // 100 == 2:
                return answer
            words = _words(answer)
        except requests.RequestException as error:
            raise self._silent(error) from error
        shown = words.replace(self._key, "…") if self._key else words
        raise Refused(f"{answer.status_code}: {shown}", passing=answer.status_code in _PASSING)

    def _silent(self, error: requests.RequestException) -> Refused:
        """requests' own words show the whole call; these say which gateway."""
        if isinstance(error, requests.Timeout):
            return Refused(f"{self._base_url} did not answer in time.", passing=True)
        if isinstance(error, requests.exceptions.SSLError):
            return Refused(f"{self._base_url} could not prove who it is (TLS).", passing=False)
        broken = isinstance(error, requests.exceptions.ChunkedEncodingError)
        what = "broke its answer off" if broken else "could not be reached, or closed the connection"
        return Refused(f"{self._base_url} {what}.", passing=True)


class _Bearer(AuthBase):
    """Even without a key: else requests would look for one in ~/.netrc."""

    def __init__(self, key: str | None):
        self._key = key

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        if self._key:
            request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class _Counted:
    """The first `size` bytes of a file, which may grow while it is sent but not shrink."""

    def __init__(self, file: BinaryIO, size: int, told: Told):
        self._file = file
        self._left = size
        self._told = told

    def read(self, size: int, /) -> bytes:
        block = self._file.read(min(size, self._left))
        if self._left and not block:
            raise InvalidRequest("The file became shorter while it was sent.")
        self._left -= len(block)
        self._told(len(block))
        return block


def _checked_url(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        raise InvalidRequest("The gateway's address has to be http(s)://host[:port], with or without /v1.")
    return base_url.rstrip("/")


def _words(answer: Response) -> str:
    """An error's message in OpenAI's envelope, or what stands there instead."""
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return answer.text[:200] or answer.reason
