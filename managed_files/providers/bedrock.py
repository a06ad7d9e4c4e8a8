"""Any model of Amazon Bedrock by the Converse API, its files in S3. Knows hosts and paths."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from managed_files.batch_records import EMBEDDINGS
from managed_files.dialects.embeddings import CohereEmbeddings, EmbeddingFormat, TitanEmbeddings
from managed_files.errors import InvalidRequest
from managed_files.providers.aws_credentials import AwsCredentials, domain
from managed_files.providers.base import ChatEndpoint, extra_headers
from managed_files.providers.bedrock_batches import BedrockBatches
from managed_files.providers.in_bucket import InBucket
from managed_files.providers.s3 import Bucket, Storage
from managed_files.providers.wire import Wire, timeout_in
from managed_files.records import Account, Deployment, Parameter
from managed_files.upstream import Upstream

_ARN_REGION = re.compile(r"arn:aws[a-z-]*:[a-z]+:([a-z0-9-]+):")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+")
_EMBEDDINGS: tuple[tuple[str, EmbeddingFormat], ...] = (
    ("titan-embed-text", TitanEmbeddings()),
    ("cohere.embed", CohereEmbeddings()),
)


@dataclass(frozen=True, slots=True)
class _Endpoint(ChatEndpoint):
    """`region`: of the signature; None where a bearer token stands for it."""

    region: str | None


class Bedrock(InBucket[Bucket]):
    """An upload is an object in the account's bucket, a use of it an `s3://` address.

    A model's region may differ from entry to entry of one account; the bucket has one, `s3_region_name`. Sources:
    botocore's service models of bedrock-runtime, s3 and sts.
    """

    name = "bedrock"
    dialect = "converse"
    where_to_name_it = "s3_bucket_name in the entry, or AWS_S3_BUCKET_NAME"
    batch_api = BedrockBatches
    prefixes = ("bedrock", "bedrock_converse")
    relays = (EMBEDDINGS,)
    parameters = (
        Parameter("s3_bucket_name", env=("AWS_S3_BUCKET_NAME", "S3_BUCKET_NAME"), identity=True),
        Parameter("s3_output_bucket_name", env=("AWS_S3_OUTPUT_BUCKET_NAME",)),
        Parameter("s3_access_key_id", secret=True),
        Parameter("s3_secret_access_key", secret=True),
        Parameter("s3_encryption_key_id", env=("AWS_S3_ENCRYPTION_KEY_ID",)),
        Parameter("s3_region_name", env=("AWS_S3_REGION_NAME",), identity=True),
        Parameter("s3_endpoint_url", env=("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), identity=True),
        Parameter("aws_access_key_id", identity=True, secret=True),
        Parameter("aws_secret_access_key", secret=True),
        Parameter("aws_session_token", secret=True),
        Parameter("aws_profile_name", identity=True),
        Parameter("aws_role_name", identity=True),
        Parameter("aws_session_name"),
        Parameter("aws_external_id", secret=True),
        Parameter("aws_region_name", env=("AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")),
        Parameter("aws_sts_endpoint", env=("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL")),
        Parameter("aws_bedrock_runtime_endpoint", env=("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL")),
        Parameter("aws_bedrock_endpoint", env=("AWS_ENDPOINT_URL_BEDROCK", "AWS_ENDPOINT_URL")),
        Parameter("aws_batch_role_arn", env=("AWS_BATCH_ROLE_ARN",)),
        Parameter("api_base"),
        Parameter("api_key", env=("AWS_BEARER_TOKEN_BEDROCK",), secret=True),
    )

    def __init__(self, account: Account, upstream: Upstream):
        super().__init__(account, upstream)
        params = account.params
        wire = Wire(self.name, upstream, timeout_in(params))
        self._credentials = AwsCredentials(params, self.name, wire)
        own = _of_the_bucket(params)
        storing = AwsCredentials(own, self.name, wire) if own else self._credentials
        storage = Storage(params.get("s3_endpoint_url"), storing, self._s3_region, params.get("s3_encryption_key_id"))
        location, written = params.get("s3_bucket_name"), params.get("s3_output_bucket_name")
        self._own = Bucket(storage, location, wire) if location else None
        other = Bucket(storage, written, wire) if written else None
        self._batches = BedrockBatches(params, wire, self._credentials, lambda: other or self.store(), self._place)

    @property
    def bucket(self) -> Bucket | None:
        return self._own

    def chat(self, deployment: Deployment, *, stream: bool) -> ChatEndpoint:
        return self._endpoint(deployment, "converse-stream" if stream else "converse")

    def elsewhere(self, deployment: Deployment, endpoint: str) -> ChatEndpoint:
        return self._endpoint(deployment, "invoke")

    def embeddings(self, deployment: Deployment) -> EmbeddingFormat:
        model = _named(deployment)[1]
        for mark, found in _EMBEDDINGS:
            if mark in model:
                return found
        raise InvalidRequest(f"Embeddings of {model} are not known here, those of Titan and Cohere are.", param="model")

    def signed(self, endpoint: ChatEndpoint, payload: bytes) -> ChatEndpoint:
        if not isinstance(endpoint, _Endpoint) or endpoint.region is None:
            return endpoint
        headers = self._credentials.api("bedrock", endpoint.region, endpoint.url, endpoint.headers, payload)
        return ChatEndpoint(endpoint.url, headers)

    def batches(self) -> BedrockBatches:
        return self._batches

    def _endpoint(self, deployment: Deployment, method: str) -> ChatEndpoint:
        """The model is one segment of the path, whatever its name holds. With an `api_key` nothing is signed."""
        params, (_, model) = deployment.params, _named(deployment)
        base = params.get("api_base") or params.get("aws_bedrock_runtime_endpoint") or self._host(deployment)
        headers = {**extra_headers(params), "Content-Type": "application/json"}
        url = f"{base.rstrip('/')}/model/{quote(model, safe='')}/{method}"
        if key := params.get("api_key"):
            return _Endpoint(url, {**headers, "Authorization": f"Bearer {key}"}, None)
        return _Endpoint(url, headers, self._region(deployment))

    def _place(self, deployment: Deployment) -> tuple[str, str]:
        return self._region(deployment), _named(deployment)[1]

    def _host(self, deployment: Deployment) -> str:
        region = self._region(deployment)
        return f"https://bedrock-runtime.{region}.{domain(region)}"

    def _region(self, deployment: Deployment) -> str:
        """A name that says where the model is, as an ARN always does, counts before the entry and the environment."""
        region, model = _named(deployment)
        if arn := _ARN_REGION.match(model):
            return arn[1]
        return region or deployment.params.get("aws_region_name") or self._credentials.region()

    def _s3_region(self) -> str:
        return self.account.params.get("s3_region_name") or self._credentials.region()


def _of_the_bucket(params: Mapping[str, Any]) -> dict[str, Any] | None:
    """LiteLLM's keys for the bucket alone, if the entry has them, under the names of the account's."""
    names = {"s3_access_key_id": "aws_access_key_id", "s3_secret_access_key": "aws_secret_access_key"}
    own = {other: params[name] for name, other in names.items() if params.get(name)}
    return {**own, "aws_region_name": params.get("aws_region_name")} if own else None


def _named(deployment: Deployment) -> tuple[str | None, str]:
    """The region that stands before the model's name, if one does, and the name itself.

    Before both, LiteLLM's names may have one of Bedrock's APIs; Converse serves for either.
    """
    name = deployment.model.removeprefix("converse/").removeprefix("invoke/")
    region, _, model = name.partition("/")
    return (region, model) if _REGION.fullmatch(region) else (None, name)
