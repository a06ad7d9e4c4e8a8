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
        project, location, model = (request.args[name] for name in ("project", "location", "model"))
        if project != self._project:
            raise refused(
                403,
                f"Permission 'aiplatform.endpoints.predict' denied on resource "
                f"'//aiplatform.googleapis.com/projects/{project}/locations/{location}/publishers/google/models/{model}'"
                " (or it may not exist).",
            )
        if model not in MODELS:
            name = f"projects/{project}/locations/{location}/publishers/google/models/{model}"
            raise refused(404, f"Publisher Model `{name}` was not found or your project does not have access to it.")
        return Generation(parsed_body(request), model, self._media)
