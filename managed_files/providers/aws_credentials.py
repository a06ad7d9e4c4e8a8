"""One AWS account's credentials and signatures: what an entry may say about them, and roles. Knows no service's API."""

import html
import re
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from managed_files.errors import ProviderFailed
from managed_files.providers.wire import PATIENCE, Wire

if TYPE_CHECKING:
    from managed_files.providers.aws_signing import Chain, Signer

_SESSION = "managed-files"
_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


class AwsCredentials:
    """Signs for one account, from any number of threads. Every failure is a ProviderFailed that names the remedy.

    `params` in LiteLLM's names: aws_access_key_id, aws_secret_access_key, aws_session_token, aws_profile_name, else the
    standard chain (environment, profile, web identity, container, instance); aws_role_name is assumed on top of them.
    """

    def __init__(self, params: Mapping[str, Any], provider: str, wire: Wire):
        self._params = params
        self._provider = provider
        self._wire = wire
        self._lock = threading.Lock()
        self._chain: Chain | None = None
        self._credentials: Any = None

    def region(self) -> str:
        """`aws_region_name`, or what the profile says."""
        found = self._params.get("aws_region_name") or self._loaded().region
        if not found:
            raise self._failed("no region. Set aws_region_name in the entry, or AWS_REGION.")
        return str(found)

    def api(
        self, service: str, region: str, url: str, headers: Mapping[str, str], body: bytes, *, method: str = "POST"
    ) -> dict[str, str]:
        """Headers of a signed call."""
        return self._sign(region, lambda signer: signer.api(service, method, url, headers, body))

    def s3(self, region: str, method: str, url: str, headers: Mapping[str, str], digest: str) -> dict[str, str]:
        """Headers of a signed call to S3. `digest`: see `Signer.s3`."""
        return self._sign(region, lambda signer: signer.s3(method, url, headers, digest))

    def _sign(self, region: str, use: "Callable[[Signer], dict[str, str]]") -> dict[str, str]:
        self._loaded()
        from managed_files.providers import aws_signing

        try:
            return use(aws_signing.Signer(self._credentials, region))
        except aws_signing.Failure as error:
            raise self._failed(_REMEDY.format(type(error).__name__)) from error

    def _loaded(self) -> "Chain":
        """Once it has been found. A chain that finds nothing is asked again at the next call."""
        with self._lock:
            if self._chain is None or self._credentials is None:
                self._load()
            if self._chain is None or self._credentials is None:
                raise self._failed(_REMEDY.format("none found"))
            return self._chain

    def _load(self) -> None:
        from managed_files.providers import aws_signing

        try:
            self._chain = aws_signing.Chain(self._params)
        except aws_signing.Failure as error:
            raise self._failed(_REMEDY.format(type(error).__name__)) from error
        base = self._chain.credentials
        role = self._params.get("aws_role_name")
        self._credentials = aws_signing.assumed(lambda: self._assume(base, role)) if role and base else base

    def _assume(self, base: Any, role: str) -> dict[str, str]:
        """STS AssumeRole (API version 2011-06-15), which answers XML."""
        from managed_files.providers.aws_signing import Signer

        region = self._params.get("aws_region_name") or (self._chain.region if self._chain else None) or "us-east-1"
        endpoint = self._params.get("aws_sts_endpoint") or f"https://sts.{region}.{domain(region)}"
        url = f"{endpoint.rstrip('/')}/"
        asked = {
            "Action": "AssumeRole",
            "Version": "2011-06-15",
            "RoleArn": role,
            "RoleSessionName": self._params.get("aws_session_name") or _SESSION,
            "ExternalId": self._params.get("aws_external_id"),
        }
        body = urlencode({name: value for name, value in asked.items() if value}).encode()
        headers = Signer(base, region).api("sts", "POST", url, _FORM, body)
        text = self._wire.within(PATIENCE).send("POST", url, headers=headers, body=body).content
        names = {
            "access_key": "AccessKeyId",
            "secret_key": "SecretAccessKey",
            "token": "SessionToken",
            "expiry_time": "Expiration",
        }
        found = {ours: element(text, theirs) for ours, theirs in names.items()}
        if not all(found.values()):
            raise self._wire.nonsense("no credentials for the role")
        return found

    def _failed(self, what: str) -> ProviderFailed:
        return ProviderFailed(
            self._provider, f"{self._provider}: {what}", upstream_status=401, code="provider_credentials_refused"
        )


_REMEDY = (
    "no AWS credentials ({}). Set aws_access_key_id and aws_secret_access_key, or aws_profile_name, in the entry, or "
    "give the process AWS's standard variables or a role."
)


def domain(region: str) -> str:
    """The domain of a region's hosts: China has its own."""
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def element(document: bytes, name: str) -> str:
    """The text of the first XML element of that name, "" if there is none. AWS's answers nest no two of a name."""
    found = re.search(rf"<{name}>([^<]*)</{name}>".encode(), document)
    return html.unescape(found[1].decode("utf-8", "replace")) if found else ""
