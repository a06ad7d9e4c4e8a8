"""Gemini on Vertex AI, its files in Cloud Storage. Knows hosts and paths."""

from urllib.parse import quote

from managed_files.batch_records import EMBEDDINGS
from managed_files.dialects.embeddings import VertexEmbeddings
from managed_files.providers.base import ChatEndpoint, extra_headers
from managed_files.providers.gcs import Bucket
from managed_files.providers.google_credentials import GoogleCredentials
from managed_files.providers.in_bucket import InBucket
from managed_files.providers.vertex_batches import VertexBatches
from managed_files.providers.vertex_places import DEFAULT_LOCATION, place_of, url_of
from managed_files.providers.wire import Wire, timeout_in
from managed_files.records import Account, Deployment, Parameter
from managed_files.upstream import Upstream

_STORAGE = "https://storage.googleapis.com"
_ONE_BY_ONE, _SOME = VertexEmbeddings(most=1), VertexEmbeddings(most=5)  # 250 in us-central1, 5 in any location


class VertexAI(InBucket[Bucket]):
    """An upload is an object in the account's bucket, a use of it a `gs://` address with a MIME type.

    A bucket serves every region, so the location tells no accounts apart. Sources: Vertex AI's `generateContent`
    and Cloud Storage's JSON API, both from their discovery documents; its guide to text embeddings.
    """

    name = "vertex_ai"
    dialect = "gemini"
    where_to_name_it = "gcs_bucket_name in the entry, or GCS_BUCKET_NAME"
    batch_api = VertexBatches
    prefixes = ("vertex_ai",)
    relays = (EMBEDDINGS,)
    parameters = (
        Parameter("vertex_project", env=("VERTEXAI_PROJECT", "GOOGLE_CLOUD_PROJECT"), identity=True),
        Parameter("vertex_location", env=("VERTEXAI_LOCATION", "GOOGLE_CLOUD_LOCATION"), default=DEFAULT_LOCATION),
        Parameter("vertex_credentials", env=("VERTEXAI_CREDENTIALS",), identity=True, secret=True),
        Parameter("gcs_bucket_name", env=("GCS_BUCKET_NAME",), identity=True),
        Parameter("storage_endpoint", env=("STORAGE_EMULATOR_HOST",), default=_STORAGE, identity=True),
        Parameter("api_base"),
    )

    def __init__(self, account: Account, upstream: Upstream):
        super().__init__(account, upstream)
        params = account.params
        self._credentials = GoogleCredentials(params.get("vertex_credentials"), self.name, upstream)
        wire = Wire(self.name, upstream, timeout_in(params))
        endpoint = params.get("storage_endpoint") or _STORAGE
        location = params.get("gcs_bucket_name")
        self._own = Bucket(endpoint, location, wire, self._credentials.headers) if location else None
        self._batches = VertexBatches(params, wire, self.store, self._credentials)

    @property
    def bucket(self) -> Bucket | None:
        return self._own

    def chat(self, deployment: Deployment, *, stream: bool) -> ChatEndpoint:
        # without alt=sse the stream is one JSON array
        return self._endpoint(deployment, "streamGenerateContent?alt=sse" if stream else "generateContent")

    def elsewhere(self, deployment: Deployment, endpoint: str) -> ChatEndpoint:
        return self._endpoint(deployment, "predict")

    def embeddings(self, deployment: Deployment) -> VertexEmbeddings:
        return _ONE_BY_ONE if deployment.model.startswith("gemini-embedding") else _SOME

    def batches(self) -> VertexBatches:
        return self._batches

    def _endpoint(self, deployment: Deployment, method: str) -> ChatEndpoint:
        name = f"{place_of(deployment, self._credentials.project)}/{_model(deployment.model)}"
        own = extra_headers(deployment.params)
        headers = {**self._credentials.headers(), **own, "Content-Type": "application/json"}
        return ChatEndpoint(f"{url_of(name, deployment.params)}:{method}", headers)


def _model(model: str) -> str:
    """A tuned model is called by the number of its endpoint."""
    return f"endpoints/{model}" if model.isdigit() else f"publishers/google/models/{quote(model, safe='')}"
