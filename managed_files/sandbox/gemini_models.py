"""The Gemini API's models, and the files that they read. Wire facts: generativelanguage v1beta."""

import re
from collections.abc import Callable

from managed_files.sandbox.answers import Attachment, Json
from managed_files.sandbox.gemini_answers import Generation
from managed_files.sandbox.gemini_calls import MODELS, ModelCalls, parsed_body
from managed_files.sandbox.gemini_contents import Media, supported
from managed_files.sandbox.gemini_files import HOST, FileStore
from managed_files.sandbox.google_errors import invalid, refused
from managed_files.sandbox.wire import Request

_URI = re.compile(re.escape(HOST) + r"/v1(?:beta)?/files/([^/?#]+)")
_MOST_INLINE_PDF = 50 << 20
_OF_VERTEX_ONLY = ("labels", "modelArmorConfig")


class StoredMedia(Media):
    """Files of one project, which have to be ACTIVE; and addresses on the public internet."""

    def __init__(self, store: FileStore, project: str):
        self._store = store
        self._project = project

    def file(self, file: Json) -> Attachment | str:
        uri = file.get("fileUri", "")
        found = _URI.fullmatch(uri)
        if found is None:
            if not uri.startswith(("https://", "http://")):
                raise invalid(f"Invalid or unsupported file uri: {uri}")
            return f"{supported(file.get('mimeType'))} at {uri}"
        stored = self._store.get(self._project, found[1])
        if stored.state != "ACTIVE":
            message = f"The File {stored.id} is not in an ACTIVE state and usage is not allowed."
            raise refused(400, message, name="FAILED_PRECONDITION")
        mime_type = supported(file.get("mimeType") or stored.mime_type)
        return Attachment(stored.display_name, mime_type, stored.bytes, stored.sha256, stored.blob.head)

    def inline(self, blob: Json) -> Attachment:
        seen = super().inline(blob)
        if seen.mime_type == "application/pdf" and seen.size > _MOST_INLINE_PDF:
            raise invalid(f"The document is larger than {_MOST_INLINE_PDF} bytes. Use the Files API.")
        return seen


class StudioModels(ModelCalls):
    """The models, for every key; what they may read depends on the key's project."""

    def __init__(self, store: FileStore, project_of: Callable[[Request], str], max_request_bytes: int):
        self._store = store
        self._project_of = project_of
        self._max_request_bytes = max_request_bytes

    def generation(self, request: Request) -> Generation:
        project, model = self._project_of(request), request.args["model"]
        self.check(model)
        if (request.body.length or 0) > self._max_request_bytes:
            raise invalid(f"Request payload size exceeds the limit: {self._max_request_bytes} bytes.")
        return self.answer(project, parsed_body(request), model)

    def check(self, model: str) -> None:
        """Raises a 404 for a model that does not exist."""
        if model not in MODELS:
            raise refused(
                404,
                f"models/{model} is not found for API version v1beta, or is not supported for generateContent. "
                "Call ListModels to see the list of available models and their supported methods.",
            )

    def answer(self, project: str, body: Json, model: str) -> Generation:
        """What the model makes of a request in camelCase, with the project's files. Raises a 400."""
        return Generation(_checked(body), model, StoredMedia(self._store, project))


def _checked(body: Json) -> Json:
    """Raises a 400 for what Vertex AI alone knows."""
    for name in _OF_VERTEX_ONLY:
        if name in body:
            raise invalid(f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')
    return body
