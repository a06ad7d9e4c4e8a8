"""Vertex AI's models and the files that they read from Cloud Storage. Wire facts: aiplatform v1."""

import re

from managed_files.sandbox.answers import Attachment, Json
from managed_files.sandbox.gcs import Buckets
from managed_files.sandbox.gemini_answers import Generation
from managed_files.sandbox.gemini_calls import MODELS, ModelCalls, parsed_body
from managed_files.sandbox.gemini_contents import Media, supported
from managed_files.sandbox.gemini_rules import UNABLE
from managed_files.sandbox.google_errors import invalid, refused
from managed_files.sandbox.wire import Request

_MOST_LABELS = 64
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")


class ObjectMedia(Media):
    """Files are objects, named by gs:// URIs, and every use has to tell the MIME type."""

    def __init__(self, buckets: Buckets):
        self._buckets = buckets

    def file(self, file: Json) -> Attachment | str:
        uri, mime_type = file.get("fileUri", ""), supported(file.get("mimeType"))
        if uri.startswith(("http://", "https://")):
            return f"{mime_type} at {uri}"
        found = re.fullmatch(r"gs://([^/]+)/(.+)", uri)
        if found is None:
            raise invalid(f"Unsupported file URI type: {uri}. File URIs should be gs:// or https:// URIs.")
        if found[1] in self._buckets.foreign:
            raise refused(403, f"The service agent does not have storage.objects.get access to {uri}.")
        stored = self._buckets.objects.get(uri)
        if stored is None:
            raise refused(404, f"{UNABLE} the file {uri} was not found. No such object: {found[1]}/{found[2]}")
        name = stored.name.rpartition("/")[2]
        return Attachment(name, mime_type, stored.bytes, stored.sha256, stored.blob.head)


class Models(ModelCalls):
    """The models of one project."""

    def __init__(self, project: str, buckets: Buckets):
        self._project = project
        self._media = ObjectMedia(buckets)

    def generation(self, request: Request) -> Generation:
        self.check(*(request.args[name] for name in ("project", "location", "model")))
        return self.answer(parsed_body(request), request.args["model"])

    def check(self, project: str, location: str, model: str) -> None:
        """Raises a 403 or 404 for a model that this project cannot use."""
        self.check_project(project, location, model)
        if model not in MODELS:
            name = f"projects/{project}/locations/{location}/publishers/google/models/{model}"
            raise refused(404, f"Publisher Model `{name}` was not found or your project does not have access to it.")

    def check_project(self, project: str, location: str, model: str) -> None:
        """Raises a 403 for a project of somebody else's."""
        if project != self._project:
            raise refused(
                403,
                f"Permission 'aiplatform.endpoints.predict' denied on resource "
                f"'//aiplatform.googleapis.com/projects/{project}/locations/{location}/publishers/google/models/{model}'"
                " (or it may not exist).",
            )

    def answer(self, body: Json, model: str) -> Generation:
        """What the model makes of a request in camelCase. Raises a 400."""
        _check_labels(body.get("labels") or {})
        return Generation(body, model, self._media)


def _check_labels(labels: Json) -> None:
    """Google Cloud's rules for labels. Raises a 400."""
    if len(labels) > _MOST_LABELS:
        raise invalid(f"{UNABLE} it has more than {_MOST_LABELS} labels.")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key) or not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
            raise invalid(
                f"{UNABLE} the label {key!r}: {value!r} is invalid. Keys and values can contain only lowercase "
                "letters, numeric characters, underscores and dashes, and are at most 63 characters long."
            )
