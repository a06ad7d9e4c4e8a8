"""Claude at Anthropic. Knows its addresses, its headers, and the rule by which an interrupted upload is found again."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlencode

from managed_files.dialects.anthropic_types import for_anthropic
from managed_files.ids import name_mark
from managed_files.providers.anthropic_batches import AnthropicBatches
from managed_files.providers.base import ChatEndpoint, Provider
from managed_files.providers.multipart import MultipartFile
from managed_files.providers.parts import as_typed_file_part
from managed_files.providers.wire import Wire, timeout_in
from managed_files.records import Account, Copy, CopyState, Deployment, Parameter, Upload
from managed_files.upstream import Upstream

_HOST = "https://api.anthropic.com"
# Chats stay at the version that still takes temperature and the like, where using a file is a beta; files are stored
# at the version where that is none, and where they can be given an end of life.
_FILES_VERSION = "2026-10-21"
_CHAT_VERSION = "2023-06-01"
_CHAT_BETA = "files-api-2025-04-14"
_PAGE = 1000
_LIFE = range(3600, 90 * 86400 + 1)  # seconds that `expires_in_seconds` takes
_LONGEST_NAME = 255
_NOT_IN_A_NAME = re.compile(r'[<>:"|?*\\/\x00-\x1f]')


class Anthropic(Provider):
    """One request stores a file, which can be used at once and is never given back.

    Anthropic chooses the id, so the file is sent under a name by whose `name_mark` `find` recognises it.
    Sources: the `anthropic` package 2.12, and Anthropic's "Files API".
    """

    name = "anthropic"
    dialect = "anthropic"
    expiry = "passed on"
    batch_api = AnthropicBatches
    prefixes = ("anthropic",)
    parameters = (
        Parameter("api_key", env=("ANTHROPIC_API_KEY",), secret=True, identity=True, required=True),
        Parameter("api_base", env=("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"), default=_HOST, identity=True),
    )

    def __init__(self, account: Account, upstream: Upstream):
        super().__init__(account, upstream)
        self._wire = Wire(self.name, upstream, timeout_in(account.params))
        extra = account.params.get("extra_headers")
        self._batches = AnthropicBatches(self._wire, self._url, lambda: self._chat_headers(extra))

    def upload(self, upload: Upload) -> Copy:
        """The part's content type is what decides later how the file can be used; see `for_anthropic`."""
        reader = upload.source.open()  # before asking the size: it notices when that is not what it was
        size = upload.source.size()
        if size is None:  # Anthropic documents no upload without a length
            size = upload.source.wait()
        form = MultipartFile(_life(upload), "file", _name(upload), for_anthropic(upload.mime_type), reader, size)
        headers = {**self._file_headers(), "Content-Type": form.content_type}
        stored = self._wire.call("POST", self._url("files"), headers=headers, body=form)
        remote_id = stored.get("id")
        if not isinstance(remote_id, str):
            raise self._wire.nonsense("a file object without an id")
        end = _seconds(stored.get("expires_at"))
        return Copy(upload.file_id, self.account.name, self.name, CopyState.READY, remote_id, upload.mime_type, end)

    def resolve(self, copy: Copy, part: dict[str, Any]) -> dict[str, Any]:
        """`file.format` tells the dialect which block the file belongs in: the client's word, or what is stored."""
        return as_typed_file_part(part, copy)

    def delete(self, remote_id: str) -> None:
        url = self._url(f"files/{quote(remote_id, safe='')}")
        self._wire.send("DELETE", url, headers=self._file_headers(), accept=(404,))

    def find(self, file_id: str, since: int | None = None) -> list[str]:
        """Newest first, until files older than `since`."""
        found: list[str] = []
        for page in self._pages():
            found += [item["id"] for item in page if str(item.get("filename")).startswith(name_mark(file_id))]
            if _older(page, since):
                break
        return found

    def chat(self, deployment: Deployment, *, stream: bool) -> ChatEndpoint:
        return ChatEndpoint(self._url("messages"), self._chat_headers(deployment.params.get("extra_headers")))

    def batches(self) -> AnthropicBatches:
        return self._batches

    def _pages(self) -> Iterator[list[dict[str, Any]]]:
        """Of the account's files. The newer version's cursor is `next_page`, the older one's the last id."""
        query: dict[str, str] | None = {"limit": str(_PAGE)}
        while query:
            answer = self._wire.call("GET", self._url(f"files?{urlencode(query)}"), headers=self._file_headers())
            page = [item for item in answer.get("data") or () if isinstance(item, dict) and "id" in item]
            if not page:
                return
            yield page
            query = _next(answer, page)

    def _url(self, path: str) -> str:
        """Below `api_base`, which people write with `/v1` or without."""
        base = str(self.account.params.get("api_base") or _HOST).rstrip("/").removesuffix("/messages")
        return f"{base.removesuffix('/v1')}/v1/{path}"

    def _file_headers(self) -> dict[str, str]:
        return self._headers(_FILES_VERSION, self.account.params.get("extra_headers"))

    def _chat_headers(self, extra: Mapping[str, Any] | None) -> dict[str, str]:
        headers = self._headers(_CHAT_VERSION, extra) | {"Content-Type": "application/json"}
        betas = [_CHAT_BETA, headers.pop("anthropic-beta", "")]
        return {**headers, "anthropic-beta": ",".join(filter(None, betas))}

    def _headers(self, version: str, extra: Mapping[str, Any] | None) -> dict[str, str]:
        key = str(self.account.params.get("api_key") or "")
        own = {str(name).lower(): str(value) for name, value in (extra or {}).items()}
        return {"x-api-key": key, "anthropic-version": version, **own}


def _name(upload: Upload) -> str:
    """Anthropic refuses names with one of these characters, and long ones; the extension is kept."""
    name = _NOT_IN_A_NAME.sub("_", name_mark(upload.file_id) + upload.filename)
    suffix = PurePosixPath(name).suffix[:16]
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - len(suffix)] + suffix


def _life(upload: Upload) -> dict[str, str]:
    """The gateway ends a file's life itself; outside of Anthropic's limits it does so alone."""
    life = upload.expires_after or 0  # a range is asked for an int: for None Python walks through all of it
    return {"expires_in_seconds": str(life)} if life in _LIFE else {}


def _next(answer: Mapping[str, Any], page: list[dict[str, Any]]) -> dict[str, str] | None:
    if cursor := answer.get("next_page"):
        return {"limit": str(_PAGE), "page": str(cursor)}
    if answer.get("has_more"):
        return {"limit": str(_PAGE), "after_id": str(answer.get("last_id") or page[-1]["id"])}
    return None


def _older(page: list[dict[str, Any]], since: int | None) -> bool:
    """Whether everything after this page was made before `since`; only a page that shows its order can tell."""
    first, last = _seconds(page[0].get("created_at")), _seconds(page[-1].get("created_at"))
    return since is not None and first is not None and last is not None and first > last and last < since


def _seconds(moment: Any) -> int | None:
    """RFC 3339 to Unix seconds; None for what is no moment."""
    try:
        return int(datetime.fromisoformat(moment).timestamp())
    except (TypeError, ValueError):
        return None
