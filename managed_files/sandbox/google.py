"""A stand-in for Google Cloud in one server: Cloud Storage, Vertex AI, the token service, the metadata server."""

from collections.abc import Mapping, Sequence
from typing import Any

from managed_files.sandbox.batch_jobs import BatchJobs, BatchSteering
from managed_files.sandbox.gcs import Buckets, StoredObject
from managed_files.sandbox.gcs_resumable import Sessions
from managed_files.sandbox.gcs_uploads import Uploads
from managed_files.sandbox.gemini_calls import with_errors_in_an_array
from managed_files.sandbox.google_auth import TokenService
from managed_files.sandbox.google_errors import NO_CREDENTIALS, refused, rpc_error, storage_error, storage_refused
from managed_files.sandbox.routing import Handler, Route
from managed_files.sandbox.server import Server
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.vertex import Models
from managed_files.sandbox.vertex_batches import PredictionJobs
from managed_files.sandbox.vertex_embeddings import predict
from managed_files.sandbox.wire import Reply, Request, json_reply

_OBJECTS = "/storage/v1/b/{bucket}/o"
_UPLOADS = "/upload/storage/v1/b/{bucket}/o"
_MODEL = "projects/{project}/locations/{location}/publishers/google/models/{model}"


class GoogleSandbox(BatchSteering, Server):
    """One project with its buckets. `foreign_buckets` exist but belong to somebody else.

    `token_life`: seconds until an access token is refused. `keep_up_to`: larger objects are measured, not kept.
    """

    def __init__(
        self,
        *,
        project: str = "sandbox-project",
        buckets: Sequence[str] = ("sandbox-bucket",),
        foreign_buckets: Sequence[str] = ("somebody-elses-bucket",),
        token_life: int = 3599,
        receive_rate: float | None = None,
        port: int = 0,
        keep_up_to: int | None = None,
    ):
        self.project = project
        self.bucket = buckets[0]
        self._shelf = Shelf(keep_up_to, with_md5=True)
        self.tokens = TokenService(project, lambda: self.url, token_life)
        self.buckets = Buckets(self._shelf, buckets, foreign_buckets)
        self._sessions = Sessions(self.buckets, self._shelf, lambda: self.url)
        self._uploads = Uploads(self.buckets, self._shelf, self._sessions)
        self.models = Models(project, self.buckets)
        self.batch_jobs = BatchJobs()
        self.predictions = PredictionJobs(project, self.models, self.buckets, self._shelf, self.batch_jobs)
        super().__init__(port=port, receive_rate=receive_rate)

    @property
    def objects(self) -> Mapping[str, StoredObject]:
        """What is stored now, by gs:// URI."""
        return self.buckets.objects

    def service_account_info(self) -> dict[str, str]:
        """The JSON key file of the project's service account; its token_uri is this server."""
        return self.tokens.service_account_info()

    def routes(self) -> list[Route]:
        return [
            *self.batch_controls(),
            *self.tokens.routes(),
            Route("POST", _UPLOADS, self._storage(self._uploads.begin)),
            Route("PUT", _UPLOADS, self._sessions.resume),
            Route("DELETE", _UPLOADS, self._sessions.cancel),
            Route("GET", _OBJECTS, self._storage(self.buckets.page)),
            Route("GET", _OBJECTS + "/{object}", self._storage(self.buckets.get)),
            Route("DELETE", _OBJECTS + "/{object}", self._storage(self.buckets.delete)),
            Route("GET", "/download" + _OBJECTS + "/{object}", self._storage(self.buckets.download)),
            *(
                Route(route.method, route.pattern, self._ai(route.handler))
                for version in ("v1", "v1beta1")
                for route in self.predictions.routes(version)
            ),
            *(
                Route("POST", f"/{version}/{_MODEL}:{method}", self._ai(handler))
                for version in ("v1", "v1beta1")
                for method, handler in (
                    ("generateContent", self.models.generate),
                    ("streamGenerateContent", self.models.stream),
                    ("predict", lambda request: predict(request, self.models)),
                )
            ),
        ]

    def _storage(self, handler: Handler) -> Handler:
        def handle(request: Request) -> Reply:
            if not self.tokens.knows(request):
                raise storage_refused(401, NO_CREDENTIALS)
            return handler(request)

        return handle

    def _ai(self, handler: Handler) -> Handler:
        def handle(request: Request) -> Reply:
            if not self.tokens.knows(request):
                raise refused(401, NO_CREDENTIALS)
            return handler(request)

        return with_errors_in_an_array(handle)

    def error(self, request: Request, status: int, message: str) -> Reply:
        """Cloud Storage has an envelope of its own."""
        if "/storage/v1/" in request.path:
            return storage_error(status, message)
        return json_reply(rpc_error(status, message), status)

    def state(self) -> Any:
        return {"objects": [{**one.resource(), "sha256": one.sha256} for one in self.objects.values()]}

    def forget(self) -> None:
        self.predictions.clear()
        self._sessions.clear()
        self.buckets.clear()

    def stop(self) -> None:
        super().stop()
        self._shelf.close()
