"""Checks AWS signatures, version 4, from their description. Source: AWS's reference "Signing AWS API requests"."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from managed_files.sandbox.wire import Request

UNSIGNED = "UNSIGNED-PAYLOAD"
_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, ?"
    r"SignedHeaders=(?P<signed>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_SKEW = timedelta(minutes=15)


@dataclass(frozen=True)
class Key:
    """`token`: goes with temporary credentials, and then has to come with every request. `end`: when they expire."""

    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    end: datetime | None = None


class BadSignature(Exception):
    """`reason`: missing, malformed, key, token, expired, skewed, region or signature."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def check(request: Request, keys: Mapping[str, Key], region: str, service: str, digest: str) -> str:
    """The access key of a request that is signed well. `digest`: what the payload's hash is said to be."""
    given = request.headers.get("Authorization")
    if given is None:
        raise BadSignature("missing")
    found = _HEADER.fullmatch(given)
    if found is None:
        raise BadSignature("malformed")
    key = keys.get(found["key"])
    if key is None:
        raise BadSignature("key")
    _check_time(request, found["day"], key)
    if (found["region"], found["service"]) != (region, service):
        raise BadSignature("region")
    scope = f"{found['day']}/{region}/{service}/aws4_request"
    text = _string_to_sign(request, found["signed"].split(";"), scope, service, digest)
    expected = _signature(key.secret, found["day"], region, service, text)
    if not hmac.compare_digest(expected, found["signature"]):
        raise BadSignature("signature")
    return found["key"]


def _check_time(request: Request, day: str, key: Key) -> None:
    sent = request.headers.get("X-Amz-Date", "")
    if key.token is not None and request.headers.get("X-Amz-Security-Token") != key.token:
        raise BadSignature("token")
    try:
        at = datetime.strptime(sent, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadSignature("malformed") from error
    now = datetime.now(UTC)
    if abs(now - at) > _SKEW or not sent.startswith(day):
        raise BadSignature("skewed")
    if key.end is not None and now > key.end:
        raise BadSignature("expired")


def _string_to_sign(request: Request, signed: list[str], scope: str, service: str, digest: str) -> str:
    if "host" not in signed or signed != sorted(signed) or _unsigned_amazon_headers(request, signed):
        raise BadSignature("malformed")
    path = request.path if service == "s3" else quote(request.path, safe="/~")  # S3 alone is not encoded twice
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in request.query.items())
    query = "&".join(f"{name}={value}" for name, value in pairs)
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed)
    canonical = "\n".join((request.method, path, query, headers, ";".join(signed), digest))
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    return f"AWS4-HMAC-SHA256\n{request.headers['X-Amz-Date']}\n{scope}\n{hashed}"


def _unsigned_amazon_headers(request: Request, signed: list[str]) -> bool:
    names = {name.lower() for name in request.headers}
    return any(name.startswith("x-amz-") and name not in signed for name in names)


def _signature(secret: str, day: str, region: str, service: str, text: str) -> str:
    key = f"AWS4{secret}".encode()
    for word in (day, region, service, "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest()
