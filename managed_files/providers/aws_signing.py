"""AWS Signature Version 4 and the standard chain of credentials, both botocore's. Imported with the first call only.

botocore costs about 8 MiB of memory. Of it only what finds credentials and what signs is used: requests go out through
our own door, except those that botocore's chain sends for itself (instance and container metadata, SSO, web identity).
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, DeferredRefreshableCredentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError
from botocore.session import Session

# Its debug log holds signatures and session tokens.
logging.getLogger("botocore").setLevel(logging.WARNING)

Failure = BotoCoreError


class Chain:
    """One account's own credentials: those it was given, or else the standard chain's. Loaded at once."""

    def __init__(self, params: Mapping[str, Any]):
        """Raises BotoCoreError for a profile that does not exist."""
        session = Session(profile=params.get("aws_profile_name"))
        self.region: str | None = session.get_config_variable("region")
        if key := params.get("aws_access_key_id"):
            token = params.get("aws_session_token")
            self.credentials: Any = Credentials(key, params.get("aws_secret_access_key") or "", token)
        else:
            self.credentials = session.get_credentials()


def assumed(refresh: Callable[[], dict[str, str]]) -> Any:
    """Credentials that `refresh` fetches when they are needed: botocore's four keys of a role's session.

    Safe from any number of threads: one refreshes, the others go on with the old ones while they are valid.
    """
    return DeferredRefreshableCredentials(refresh, "assume-role")


class Signer:
    """Signs requests with what the credentials are now. `region`, `service`: of the credential scope."""

    def __init__(self, credentials: Any, region: str):
        self._now: ReadOnlyCredentials = credentials.get_frozen_credentials()
        self._region = region

    def api(self, service: str, method: str, url: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """Headers for a JSON or form API; the body is signed."""
        request = AWSRequest(method, url, headers=dict(headers), data=body)
        SigV4Auth(self._now, service, self._region).add_auth(request)
        return dict(request.headers.items())

    def s3(self, method: str, url: str, headers: Mapping[str, str], digest: str) -> dict[str, str]:
        """Headers for S3. `digest`: the body's SHA-256 in hexadecimal digits, or UNSIGNED-PAYLOAD."""
        request = AWSRequest(method, url, headers=dict(headers))
        signer = S3SigV4Auth(self._now, "s3", self._region)
        signer.payload = lambda _: digest  # botocore would read the body to hash it; ours is still arriving
        signer.add_auth(request)
        return dict(request.headers.items())
