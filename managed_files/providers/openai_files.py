"""OpenAI's Files API, for every adapter whose provider speaks it. Knows paths and fields, no addresses."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from managed_files.errors import ContentUnavailable, ProviderFailed
from managed_files.ids import name_mark
from managed_files.providers.base import Provider
from managed_files.providers.multipart import MultipartFile
from managed_files.providers.parts import as_file_part
from managed_files.providers.wire import Wire, timeout_in
from managed_files.records import Account, Copy, CopyState, Upload
from managed_files.upstream import Upstream

_NO_FILES_API = frozenset({404, 405})
_NO_CONTENT = frozenset({400, 405, 501})
# `uploaded` is where most OpenAI-compatible servers stop, and OpenAI's own files can be used in it; `pending` and
# `running` are Azure's, and pass.
_STATES = {"pending": CopyState.PROCESSING, "running": CopyState.PROCESSING} | dict.fromkeys(
    ("error", "deleting", "deleted"), CopyState.FAILED
)


class OpenAIFiles(Provider):
    """POST/GET/DELETE /files, and the rule by which an interrupted upload is found again.

    The provider chooses the id, so a crash after it stored the file and before its answer was written down would leave
    a copy that nobody knows of. Hence the file is sent under a name that begins with `name_mark`: `find` recognises
    it in the account's list. The extension stays the last one, because OpenAI tells the file's type by it.
    """

    dialect = "openai"
    gives_back = "not `user_data`"
    expiry = "passed on"
    first_page: ClassVar[Mapping[str, str]] = {"limit": "1000", "order": "desc"}

    def __init__(self, account: Account, upstream: Upstream):
        super().__init__(account, upstream)
        self.wire = Wire(self.name, upstream, timeout_in(account.params))

    @abstractmethod
    def url(self, path: str, **query: str) -> str:
        """The address of a path below the API's base."""

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """Credentials, and what else every request carries."""

    def fields(self, upload: Upload) -> dict[str, str]:
        """The form's text fields. `expires_after` counts from the provider's own creation time."""
        fields = {"purpose": upload.purpose}
        if upload.expires_after is not None:
            fields |= {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(upload.expires_after)}
        return fields

    def upload(self, upload: Upload) -> Copy:
        reader = upload.source.open()  # before asking the size: it notices when that is not what it was
        size = upload.source.size()
        if size is None:  # a chunked form is known to be accepted by OpenAI only: wait for the length instead
            size = upload.source.wait()
        name = name_mark(upload.file_id) + upload.filename
        form = MultipartFile(self.fields(upload), "file", name, upload.mime_type, reader, size)
        headers = {**self.headers(), "Content-Type": form.content_type}
        return self._copy(upload, self.wire.call("POST", self.url("files"), headers=headers, body=form))

    def resolve(self, copy: Copy, part: dict[str, Any]) -> dict[str, Any]:
        return as_file_part(part, copy.stored_id)

    def delete(self, remote_id: str) -> None:
        """200 with JSON, or 204 in some of Azure's dated versions; 404 when it is gone."""
        self.wire.send("DELETE", self._file(remote_id), headers=self.headers(), accept=(404,))

    def find(self, file_id: str, since: int | None = None) -> list[str]:
        """Newest first, until files older than `since`. Some servers page by `after`, some know no pages at all."""
        found: list[str] = []
        seen: set[str] = set()
        query = dict(self.first_page)
        while True:
            answer = self._listed(query)
            page = [item for item in listed(answer) if item["id"] not in seen]
            found += [item["id"] for item in page if str(item.get("filename")).startswith(name_mark(file_id))]
            if not page or answer.get("has_more") is False or older(page, since):
                return found
            seen.update(item["id"] for item in page)
            query = self.next_page(query, page[-1]["id"])

    def next_page(self, query: dict[str, str], last_id: str) -> dict[str, str]:
        """The query for the page after that of `query`, whose last file is `last_id`."""
        return {**query, "after": last_id}

    def ready(self, remote_id: str) -> CopyState:
        """`status` of the file object; a file that is gone has failed."""
        try:
            return _state(self.wire.call("GET", self._file(remote_id), headers=self.headers()))
        except ProviderFailed as refused:
            if refused.upstream_status == 404:
                return CopyState.FAILED
            raise

    def content(self, remote_id: str, purpose: str) -> Iterator[bytes]:
        """Asks whatever the purpose: OpenAI refuses `user_data` with a 400, other servers give it back."""
        try:
            return self.wire.download(self._file(remote_id, "/content"), headers=self.headers())
        except ProviderFailed as refused:
            if refused.upstream_status in _NO_CONTENT:
                raise ContentUnavailable(f"{self.name} does not return this file: {refused.message}") from refused
            raise

    def _listed(self, query: dict[str, str]) -> dict[str, Any]:
        """One page. A server that does not even know the path keeps no files."""
        try:
            answer: dict[str, Any] = self.wire.call("GET", self.url("files", **query), headers=self.headers())
        except ProviderFailed as refused:
            if refused.upstream_status in _NO_FILES_API and query == self.first_page:
                return {}
            raise
        return answer

    def _file(self, remote_id: str, below: str = "") -> str:
        return self.url(f"files/{quote(remote_id, safe='')}{below}")

    def _copy(self, upload: Upload, answer: dict[str, Any]) -> Copy:
        remote_id = answer.get("id")
        if not isinstance(remote_id, str):
            raise self.wire.nonsense("a file object without an id")
        state = _state(answer)
        if state is CopyState.FAILED:
            self.delete(remote_id)
            raise ProviderFailed(self.name, f"{self.name} could not use the file: {answer.get('status_details')}")
        end = answer.get("expires_at")
        expires_at = end if isinstance(end, int) else None
        return Copy(upload.file_id, self.account.name, self.name, state, remote_id, upload.mime_type, expires_at)


def with_query(url: str, query: dict[str, str]) -> str:
    """The address with its query string, if there is one."""
    return f"{url}?{urlencode(query)}" if query else url


def _state(answer: dict[str, Any]) -> CopyState:
    return _STATES.get(str(answer.get("status")), CopyState.READY)


def listed(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of one page of a list."""
    data = answer.get("data")
    items = data if isinstance(data, list) else []
    return [item for item in items if isinstance(item, dict) and isinstance(item.get("id"), str)]


def older(page: list[dict[str, Any]], since: float | None) -> bool:
    """Whether everything after this page was made before `since`; only a page that shows its order can tell."""
    first, last = page[0].get("created_at"), page[-1].get("created_at")
    return since is not None and isinstance(first, int) and isinstance(last, int) and first > last and last < since
