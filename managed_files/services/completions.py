"""Chat completions: find the caller and the files, then have a deployment answer. Knows no Flask."""

from collections.abc import Mapping, Sequence
from typing import Any

from managed_files.errors import InvalidRequest, no_such_file, unknown_key
from managed_files.keys import Credentials
from managed_files.records import Caller, Copy
from managed_files.repository import FileRepository
from managed_files.services.calls import Asked, ChatAnswer
from managed_files.services.dispatch import Dispatch
from managed_files.services.references import Reference, references


class Completions:
    """The use case of POST /chat/completions."""

    def __init__(self, repository: FileRepository, dispatch: Dispatch, allow_provider_file_ids: bool = False):
        self._repository = repository
        self._dispatch = dispatch
        self._allow_provider_file_ids = allow_provider_file_ids

    def create(self, credentials: Credentials, body: dict[str, Any]) -> ChatAnswer:
        """Answers a request whose model, messages and stream have been checked for their types."""
        body, fallbacks = _without_fallbacks(body)
        found = references(body)
        ids = list(dict.fromkeys(item.file_id for item in found if item.managed))
        caller, files = self._repository.caller_and_files(credentials.digest, credentials.master_user, ids)
        if caller is None:
            raise unknown_key()
        self._check(found, files, caller)
        in_order = {file_id: files[file_id] for file_id in ids if file_id in files}
        return self._dispatch.answer(Asked(body, found, in_order), caller, fallbacks)

    def _check(self, found: Sequence[Reference], files: Mapping[str, Sequence[Copy]], caller: Caller) -> None:
        for item in found:
            foreign_allowed = not item.managed and self._allow_provider_file_ids and caller.admin
            if item.file_id not in files and not foreign_allowed:
                raise no_such_file(item.file_id, item.param)


def _without_fallbacks(body: dict[str, Any]) -> tuple[dict[str, Any], list[str] | None]:
    """`fallbacks` is a word to this gateway, not to a provider."""
    if "fallbacks" not in body:
        return body, None
    names = body["fallbacks"]
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise InvalidRequest("'fallbacks' has to be a list of model names.", param="fallbacks")
    return {key: value for key, value in body.items() if key != "fallbacks"}, names
