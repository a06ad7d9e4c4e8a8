"""Google's token service and metadata server. Wire facts: RFC 7523, RFC 6749, and what google-auth sends."""

import base64
import json
import secrets
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from managed_files.sandbox.routing import Route
from managed_files.sandbox.wire import Refused, Reply, Request, json_reply

_AUDIENCE = "https://oauth2.googleapis.com/token"
_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SCOPES = {
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/devstorage.read_write",
    "https://www.googleapis.com/auth/devstorage.full_control",
}
_METADATA = "/computeMetadata/v1"
_FLAVOR = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}
_making = threading.Lock()  # of the key, which takes a while


class TokenService:
    """Issues access tokens and knows which are good. `token_life` in seconds; `url` tells where the server is."""

    def __init__(self, project: str, url: Callable[[], str], token_life: int):
        self.project = project
        self.token_life = token_life
        self._url = url
        self._email = f"sandbox@{project}.iam.gserviceaccount.com"
        self._key_id = secrets.token_hex(20)
        self._user = {name: secrets.token_urlsafe(16) for name in ("client_id", "client_secret", "refresh_token")}
        self._lock = threading.Lock()
        self._tokens: dict[str, float] = {}
        self.issued = 0

    def service_account_info(self) -> dict[str, str]:
        """The JSON key file of this project's service account."""
        return {
            "type": "service_account",
            "project_id": self.project,
            "private_key_id": self._key_id,
            "private_key": _private_pem(),
            "client_email": self._email,
            "client_id": "100000000000000000001",
            "token_uri": f"{self._url()}/token",
            "universe_domain": "googleapis.com",
        }

    def authorized_user_info(self) -> dict[str, str]:
        """The application-default credentials of a person, as gcloud writes them."""
        return {"type": "authorized_user", "token_uri": f"{self._url()}/token", **self._user}

    def issue(self) -> str:
        """A fresh access token."""
        token = "ya29.sandbox-" + secrets.token_urlsafe(24)
        with self._lock:
            self._tokens[token] = time.monotonic() + self.token_life
            self.issued += 1
        return token

    def expire_tokens(self) -> None:
        """All tokens issued so far are refused from now on."""
        with self._lock:
            self._tokens.clear()

    def knows(self, request: Request) -> bool:
        """Whether the request bears a token that is still good."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._tokens.get(token, 0) >= time.monotonic()

    def routes(self) -> list[Route]:
        return [
            Route("POST", "/token", self._token),
            Route("GET", "/", self._ping),
            Route("GET", f"{_METADATA}/project/project-id", self._metadata(lambda: self.project)),
            Route("GET", f"{_METADATA}/universe/universe-domain", self._metadata(lambda: "googleapis.com")),
            *self._account_routes("default"),
            *self._account_routes("{account}"),
        ]

    def _account_routes(self, account: str) -> list[Route]:
        base = f"{_METADATA}/instance/service-accounts/{account}"
        facts = {"aliases": ["default"], "email": self._email, "scopes": sorted(_SCOPES)}
        return [
            Route("GET", f"{base}/", self._metadata(lambda: facts)),
            Route("GET", f"{base}/token", self._metadata(self._grant)),
        ]

    def _ping(self, request: Request) -> Reply:
        return Reply(200, b"computeMetadata/\n", _FLAVOR)

    def _metadata(self, value: Callable[[], Any]) -> Callable[[Request], Reply]:
        def handle(request: Request) -> Reply:
            if request.headers.get("Metadata-Flavor") != "Google":
                return Reply(403, b"Missing Metadata-Flavor:Google header.", _FLAVOR)
            content = value()
            if isinstance(content, str):
                return Reply(200, content.encode(), {**_FLAVOR, "Content-Type": "application/text"})
            return json_reply(content, headers=_FLAVOR)

        return handle

    def _grant(self) -> dict[str, Any]:
        return {"access_token": self.issue(), "expires_in": self.token_life, "token_type": "Bearer"}

    def _token(self, request: Request) -> Reply:
        form = dict(parse_qsl(request.body.all().decode()))
        if form.get("grant_type") == _JWT_GRANT:
            self._check_assertion(form.get("assertion", ""))
        elif form.get("grant_type") == "refresh_token":
            if any(not secrets.compare_digest(form.get(name, ""), value) for name, value in self._user.items()):
                raise _invalid_grant("Bad Request")
        else:
            raise Refused(json_reply({"error": "unsupported_grant_type"}, 400))
        return json_reply(self._grant())

    def _check_assertion(self, assertion: str) -> None:
        """The assertion is an RS256 JWT of our key, of now, for the token endpoint, with a scope of use."""
        header, claims = _verified(assertion)
        now = time.time()
        if header.get("kid") != self._key_id or claims.get("iss") != self._email:
            raise _invalid_grant("Invalid grant: account not found")
        if claims.get("aud") not in (_AUDIENCE, f"{self._url()}/token"):
            raise _invalid_grant("Invalid JWT: Failed audience check.")
        issued, expires = claims.get("iat", 0), claims.get("exp", 0)
        if not (issued - 300 <= now <= expires and expires - issued <= 3600):
            raise _invalid_grant("Invalid JWT: Token must be a short-lived token (60 minutes)")
        if not _SCOPES & set(str(claims.get("scope", "")).split()):
            raise Refused(json_reply({"error": "invalid_scope", "error_description": "Invalid OAuth scope."}, 400))


def _invalid_grant(description: str) -> Refused:
    return Refused(json_reply({"error": "invalid_grant", "error_description": description}, 400))


def _verified(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of the JWT once its signature is found good."""
    try:
        header, claims, signature = assertion.split(".")
        signed = f"{header}.{claims}".encode()
        _key().public_key().verify(_unpadded(signature), signed, padding.PKCS1v15(), hashes.SHA256())
        known, said = json.loads(_unpadded(header)), json.loads(_unpadded(claims))
    except (ValueError, InvalidSignature) as error:
        raise _invalid_grant("Invalid JWT Signature.") from error
    if known.get("alg") != "RS256":
        raise _invalid_grant("Invalid JWT: unsupported algorithm")
    return known, said


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _key() -> rsa.RSAPrivateKey:
    """One a process: `cache` alone lets two threads make one each."""
    with _making:
        return _made_key()


@cache
def _made_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _private_pem() -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return _key().private_bytes(*form).decode()
