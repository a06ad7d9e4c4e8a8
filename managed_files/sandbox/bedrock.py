"""A stand-in for Amazon in one server: Bedrock's models and jobs, S3, the token service."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from managed_files.sandbox.batch_jobs import BatchJobs, BatchSteering
from managed_files.sandbox.bedrock_answers import Conversed
from managed_files.sandbox.bedrock_embeddings import invoke
from managed_files.sandbox.bedrock_errors import bedrock_error, bedrock_unsigned, invalid
from managed_files.sandbox.bedrock_jobs import Control, InvocationJobs
from managed_files.sandbox.bedrock_media import Model
from managed_files.sandbox.bedrock_schema import check_shape
from managed_files.sandbox.borders import at_odd_borders
from managed_files.sandbox.routing import Handler, Route
from managed_files.sandbox.s3 import S3Buckets, S3Object
from managed_files.sandbox.s3_errors import s3_error, s3_unsigned
from managed_files.sandbox.s3_multipart import Multiparts
from managed_files.sandbox.server import Server
from managed_files.sandbox.sigv4 import BadSignature, Key, check
from managed_files.sandbox.store import Shelf
from managed_files.sandbox.sts import Roles
from managed_files.sandbox.wire import Reply, Request, json_reply

DEFAULT_KEY = "AKIASANDBOX000000001"
DEFAULT_SECRET = "sandbox/secret+0123456789abcdefghijklmno"  # noqa: S105 - opens nothing but this
TEMPORARY_KEY = "ASIASANDBOX000000001"  # the same secret, with a session token
TEMPORARY_TOKEN = "sandbox-session-token-0123456789"  # noqa: S105 - likewise
_ALL = ("document", "image", "video")
_NOVA, _CLAUDE = Model(s3=True, media=_ALL), Model()
_MODELS = {
    "amazon.nova-lite-v1:0": _NOVA,
    "amazon.nova-pro-v1:0": _NOVA,
    "amazon.nova-2-lite-v1:0": _NOVA,
    "amazon.nova-micro-v1:0": Model(media=()),
    "anthropic.claude-sonnet-4-5-20250929-v1:0": _CLAUDE,
    "anthropic.claude-opus-4-8": Model(budgets=False),
    "meta.llama3-1-8b-instruct-v1:0": Model(tools=False, media=("document",)),
}
_PROFILE = re.compile(r"(?:us|eu|apac|global)\.")
_ARN = re.compile(r"arn:aws:bedrock:[a-z0-9-]+:\d{12}:(?:application-)?inference-profile/")


class _ObjectRoute(Route):
    """A route whose last segment is the rest of the path: an object's key may hold slashes."""

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(r"/(?P<bucket>[^/]+)/(?P<key>.+)")


class BedrockSandbox(BatchSteering, Server):
    """One account with its bucket, in one region. `foreign_buckets` exist but belong to somebody else.

    `batch_role`: the service role that jobs run in. `min_batch_records`: inputs with fewer fail; AWS's quota is 100.
    """

    def __init__(
        self,
        *,
        region: str = "us-east-1",
        buckets: Sequence[str] = ("sandbox-bucket",),
        foreign_buckets: Sequence[str] = ("somebody-elses-bucket",),
        receive_rate: float | None = None,
        port: int = 0,
        keep_up_to: int | None = None,
        min_batch_records: int = 1,
    ):
        self.region = region
        self.bucket = buckets[0]
        self.keys = {DEFAULT_KEY: Key(DEFAULT_SECRET), TEMPORARY_KEY: Key(DEFAULT_SECRET, TEMPORARY_TOKEN)}
        self.api_keys = {"bedrock-api-key-sandbox"}
        self.role = "arn:aws:iam::123456789012:role/sandbox"
        self.roles = Roles(self.keys, (self.role,), region)
        self._shelf = Shelf(keep_up_to, with_md5=True)
        self.buckets = S3Buckets(self._shelf, buckets, foreign_buckets)
        self.multiparts = Multiparts(self.buckets)
        self.batch_jobs = BatchJobs()
        self.batch_role = "arn:aws:iam::123456789012:role/sandbox-batches"
        place = f"arn:aws:bedrock:{region}:123456789012"
        self.jobs = InvocationJobs(
            place, self.batch_role, self.buckets, self.batch_jobs, self._whole, min_batch_records
        )
        super().__init__(port=port, receive_rate=receive_rate)

    @property
    def objects(self) -> Mapping[str, S3Object]:
        """What is stored now, by s3:// URI."""
        return self.buckets.objects

    def routes(self) -> list[Route]:
        listing = self._s3(lambda request: self._by_query(request, self.multiparts.page, self.buckets.page, "uploads"))
        begin, complete = self.multiparts.begin, self.multiparts.complete
        in_parts = {
            "PUT": lambda request: self._by_query(request, self.multiparts.part, self.buckets.store, "uploadId"),
            "POST": lambda request: self._by_query(request, complete, begin, "uploadId"),
            "DELETE": lambda request: self._by_query(request, self.multiparts.abort, self.buckets.delete, "uploadId"),
            "GET": self.buckets.get,
            "HEAD": self.buckets.get,
        }
        return [
            *self.batch_controls(),
            *self.jobs.routes(self._controlled),
            Route("POST", "/", self.roles.assume),
            Route("POST", "/model/{model}/converse", self._converse),
            Route("POST", "/model/{model}/converse-stream", self._converse_stream),
            Route("POST", "/model/{model}/invoke", self._invoke),
            Route("GET", "/{bucket}", listing),
            Route("GET", "/{bucket}/", listing),
            *(_ObjectRoute(method, "/{bucket}/{key}", self._s3(handler)) for method, handler in in_parts.items()),
        ]

    def _by_query(self, request: Request, with_it: Handler, without: Handler, name: str) -> Reply:
        return (with_it if name in request.query else without)(request)

    def _s3(self, handler: Handler) -> Handler:
        def handle(request: Request) -> Reply:
            digest = request.headers.get("X-Amz-Content-SHA256", "")
            try:
                check(request, self.keys, self.region, "s3", digest)
            except BadSignature as bad:
                raise s3_unsigned(bad) from bad
            return handler(request)

        return handle

    def _converse(self, request: Request) -> Reply:
        return json_reply(self._conversed(request).whole())

    def _converse_stream(self, request: Request) -> Reply:
        events = self._conversed(request).events()
        return Reply(200, at_odd_borders(events), {"Content-Type": "application/vnd.amazon.eventstream"})

    def _invoke(self, request: Request) -> Reply:
        body = self._signed_body(request)
        return invoke(_PROFILE.sub("", request.args["model"]), _parsed(body))

    def _conversed(self, request: Request) -> Conversed:
        body = self._signed_body(request)
        if "/" in request.path.removeprefix("/model/").rpartition("/")[0]:
            raise invalid("The provided model identifier is invalid.")
        return self._answered(request.args["model"], _parsed(body))

    def _whole(self, model: str, value: Any) -> Any:
        return self._answered(model, value).whole()

    def _answered(self, model: str, value: Any) -> Conversed:
        name = _PROFILE.sub("", _ARN.sub("", model))
        if name not in _MODELS:
            raise invalid("The provided model identifier is invalid.")
        check_shape(value)
        return Conversed(value, _MODELS[name], self.buckets)

    def _controlled(self, handler: Control) -> Handler:
        return lambda request: handler(request, _parsed(self._signed_body(request) or b"{}"))

    def _signed_body(self, request: Request) -> bytes:
        """The body of a request that is signed well, or carries an API key."""
        body = request.body.all()
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.api_keys:
            try:
                check(request, self.keys, self.region, "bedrock", hashlib.sha256(body).hexdigest())
            except BadSignature as bad:
                raise bedrock_unsigned(bad.reason) from bad
        return body

    def error(self, request: Request, status: int, message: str) -> Reply:
        """S3 and Bedrock have an envelope each."""
        if request.path.startswith("/model"):
            return bedrock_error(status, message)
        return s3_error(status, message)

    def state(self) -> Any:
        objects = [{"uri": one.uri, "bytes": one.bytes, "sha256": one.sha256} for one in self.objects.values()]
        return {"objects": objects, "unfinished": [one.key for one in self.multiparts.uploads.values()]}

    def forget(self) -> None:
        self.jobs.clear()
        self.multiparts.clear()
        self.buckets.clear()

    def stop(self) -> None:
        super().stop()
        self._shelf.close()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise invalid("The request body is not valid JSON.") from error
