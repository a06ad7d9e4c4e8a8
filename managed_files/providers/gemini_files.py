"""The Gemini API's files: names, addresses, states, the start of an upload. Source: generativelanguage v1beta."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from managed_files.errors import ProviderFailed
from managed_files.providers.gemini_upload import GeminiUpload
from managed_files.providers.wire import Download, Wire
from managed_files.records import CopyState, Source

HOST = "https://generativelanguage.googleapis.com"
_VERSION = "v1beta"  # the one whose files Google documents; another is used if the address ends in it
_BASE = re.compile(r"(.*?)/*(?:/(v1(?:alpha|beta)?))?/*")
_LONGEST_DISPLAY_NAME = 512
_STATES = {"PROCESSING": CopyState.PROCESSING, "STATE_UNSPECIFIED": CopyState.PROCESSING, "FAILED": CopyState.FAILED}

_LOOKS = (0.25, 0.5, 1.0, 2.0, 4.0, *(8.0,) * 7)  # seconds between two looks at a file that is being processed

File = Mapping[str, Any]


class GeminiFiles:
    """The files of one key's project. A file is known by its URI, whose last segment is its name.

    `base`: the API's address, with or without a version. `headers` gives the credentials.
    """

    def __init__(
        self,
        base: str,
        wire: Wire,
        headers: Callable[[], dict[str, str]],
        pause: Callable[[float], object] | None = None,
    ):
        found = _BASE.fullmatch(base)
        self._host, self._version = (found[1], found[2] or _VERSION) if found else (base, _VERSION)
        self._wire = wire
        self._headers = headers
        self._pause = pause or threading.Event().wait

    def url(self, path: str) -> str:
        """The address of a path below the API's version."""
        return f"{self._host}/{self._version}/{path}"

    def begin(self, uri: str, filename: str, mime_type: str, source: Source, size: int) -> GeminiUpload:
        """A session that stores `size` bytes at `uri`."""
        file = {"name": f"files/{_last(uri)}", "displayName": filename[:_LONGEST_DISPLAY_NAME]}
        headers = {
            **self._headers(),
            "Content-Type": "application/json",
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(size),
            "X-Goog-Upload-Header-Content-Type": mime_type,
        }
        url = f"{self._host}/upload/{self._version}/files"
        answer = self._wire.send("POST", url, headers=headers, body=json.dumps({"file": file}).encode())
        session = answer.headers.get("X-Goog-Upload-URL")
        if not session:
            raise self._wire.nonsense("no address for a resumable upload")
        granularity = answer.headers.get("X-Goog-Upload-Chunk-Granularity", "")
        return GeminiUpload(self._here(session), size, granularity, self._wire, source, self._pause)

    def store(self, uri: str, filename: str, mime_type: str, source: Source, size: int) -> File | None:
        """Sends the whole file; its resource, unless the answer that told it was lost. A failure cancels the rest."""
        session = self.begin(uri, filename, mime_type, source, size)
        try:
            session.send()
        except BaseException:
            session.cancel()
            raise
        return session.file

    def get(self, uri: str) -> File | None:
        """The file's resource; None for one that is not there."""
        try:
            file: dict[str, Any] = self._wire.call("GET", self._of(uri), headers=self._headers())
        except ProviderFailed as refused:
            if means_gone(refused):
                return None
            raise
        return file

    def settled(self, uri: str, file: File | None) -> CopyState:
        """Its state once it is processed, or after a minute. `file`: as the upload's last answer told it."""
        state = state_of(file or self.get(uri) or {})
        for seconds in _LOOKS:
            if state is not CopyState.PROCESSING:
                break
            self._pause(seconds)
            state = state_of(self.get(uri) or {})
        return state

    def delete(self, uri: str) -> None:
        """Already gone is success."""
        try:
            self._wire.send("DELETE", self._of(uri), headers=self._headers())
        except ProviderFailed as refused:
            if not means_gone(refused):
                raise

    def content(self, uri: str) -> Download:
        """The bytes of a file that Google made; those of an uploaded one are refused."""
        return self._wire.download(f"{self._of(uri)}:download?alt=media", headers=self._headers())

    def _of(self, uri: str) -> str:
        return self.url(f"files/{quote(_last(uri), safe='')}")

    def _here(self, session: str) -> str:
        """The session at our own host, as google-genai does it: so a proxy before Google sees the bytes as well."""
        here = urlsplit(self._host)
        return urlunsplit(urlsplit(session)._replace(scheme=here.scheme, netloc=here.netloc))


def path_of(model: str) -> str:
    """A model's place below the API's version; a tuned one is told with its own collection."""
    return quote(model if "/" in model else f"models/{model}", safe="/")


def planned_uri(account: str, file_id: str) -> str:
    """Where the file will be. A name is at most 40 of `[a-z0-9-]`, so ours holds 160 bits of a digest.

    The account is part of it, for all projects share one space of names. The URI names Google's host even where the
    API is reached by another one, because there it is read.
    """
    digest = hashlib.sha256(f"{account}\n{file_id}".encode()).digest()
    return f"{HOST}/{_VERSION}/files/mf-{base64.b32encode(digest[:20]).decode().lower()}"


def state_of(file: File) -> CopyState:
    """PROCESSING, ACTIVE or FAILED as the state of a copy."""
    return _STATES.get(str(file.get("state")), CopyState.READY)


def expiry_of(file: File) -> int | None:
    """`expirationTime` (RFC 3339, nanoseconds possible) in Unix seconds."""
    try:
        return int(datetime.fromisoformat(str(file.get("expirationTime"))).timestamp())
    except ValueError:
        return None


def _last(uri: str) -> str:
    return uri.rpartition("/")[2]


def means_gone(refused: ProviderFailed) -> bool:
    """Google answers 403 for a file that is not there, as for another project's, and says that "it may not exist".

    Its other 403s (a key that is blocked, a service that is off) do not say so. Should the key have moved to another
    project, what is left behind ends by itself within 48 hours.
    """
    status = refused.upstream_status
    return status == 404 or (status == 403 and "may not exist" in refused.message)
