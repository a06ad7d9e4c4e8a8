"""The token service's stand-in, driven by google-auth."""

import time
from collections.abc import Iterator

import google.oauth2.credentials
import pytest
import requests
from google.auth import jwt
from google.auth.crypt import RSASigner
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from managed_files.sandbox import GoogleSandbox

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[GoogleSandbox]:
    with GoogleSandbox(token_life=600) as server:
        yield server


@pytest.fixture
def transport() -> Iterator[Request]:
    with requests.Session() as session:
        yield Request(session)


def works(server: GoogleSandbox, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{server.url}/storage/v1/b/{server.bucket}/o", headers=headers, timeout=10).ok


def claims(server: GoogleSandbox, **changes) -> dict:
    now = int(time.time())
    email = server.service_account_info()["client_email"]
    audience = "https://oauth2.googleapis.com/token"
    return {"iss": email, "scope": SCOPE, "aud": audience, "iat": now, "exp": now + 3600, **changes}


def exchange(server: GoogleSandbox, assertion: str) -> requests.Response:
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    return requests.post(f"{server.url}/token", data=form, timeout=10)


def test_service_account(sandbox, transport):
    info = sandbox.service_account_info()
    credentials = service_account.Credentials.from_service_account_info(info, scopes=[SCOPE])
    credentials.refresh(transport)
    assert works(sandbox, credentials.token)


def test_account_of_another_key_is_refused(sandbox, transport):
    info = {**sandbox.service_account_info(), "private_key_id": "another"}
    credentials = service_account.Credentials.from_service_account_info(info, scopes=[SCOPE])
    with pytest.raises(RefreshError, match="invalid_grant"):
        credentials.refresh(transport)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"aud": "https://example.com/"}, "invalid_grant"),
        ({"iat": 0, "exp": 3600}, "invalid_grant"),
        ({"iss": "nobody@example.com"}, "invalid_grant"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, "invalid_scope"),
    ],
)
def test_claims_are_checked(sandbox, change, error):
    signer = RSASigner.from_service_account_info(sandbox.service_account_info())
    answer = exchange(sandbox, jwt.encode(signer, claims(sandbox, **change)).decode())
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_forged_signature(sandbox):
    signer = RSASigner.from_service_account_info(sandbox.service_account_info())
    good = jwt.encode(signer, claims(sandbox)).decode()
    forged = good.rpartition(".")[0] + ".AAAA"
    assert (exchange(sandbox, good).status_code, exchange(sandbox, forged).json()["error"]) == (200, "invalid_grant")


def person(server: GoogleSandbox, **changes) -> google.oauth2.credentials.Credentials:
    known = {**server.tokens.authorized_user_info(), **changes}
    fields = ("refresh_token", "token_uri", "client_id", "client_secret")
    return google.oauth2.credentials.Credentials(None, **{name: known[name] for name in fields})


def test_refresh_token_of_a_person(sandbox, transport):
    credentials = person(sandbox)
    credentials.refresh(transport)
    assert works(sandbox, credentials.token)


def test_unknown_refresh_token(sandbox, transport):
    with pytest.raises(RefreshError, match="invalid_grant"):
        person(sandbox, refresh_token="unknown").refresh(transport)


def test_metadata_server(sandbox):
    base = f"{sandbox.url}/computeMetadata/v1"
    headers = {"Metadata-Flavor": "Google"}
    grant = requests.get(f"{base}/instance/service-accounts/default/token", headers=headers, timeout=10)
    project = requests.get(f"{base}/project/project-id", headers=headers, timeout=10)
    assert (works(sandbox, grant.json()["access_token"]), project.text) == (True, sandbox.project)


def test_metadata_server_wants_its_header(sandbox):
    url = f"{sandbox.url}/computeMetadata/v1/instance/service-accounts/default/token"
    assert requests.get(url, timeout=10).status_code == 403
