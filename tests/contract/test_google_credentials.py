"""Where Google's tokens come from, and how many threads share one."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from managed_files.errors import ProviderFailed
from managed_files.providers.google_credentials import GoogleCredentials
from managed_files.sandbox.faults import Fault
from managed_files.sandbox.google import GoogleSandbox
from managed_files.upstream import Upstream


class Clock:
    """Unix seconds that a test moves on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def google() -> Iterator[GoogleSandbox]:
    with GoogleSandbox() as sandbox:
        yield sandbox


@pytest.fixture
def made(google: GoogleSandbox) -> Iterator[Callable[..., GoogleCredentials]]:
    """Makes credentials: of the sandbox's service account unless something else is given."""
    upstream = Upstream(environ={})

    def make(given: Any = google, clock: Callable[[], float] = time.time) -> GoogleCredentials:
        given = google.service_account_info() if given is google else given
        return GoogleCredentials(given, "vertex_ai", upstream, clock)

    yield make
    upstream.close()


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """No Google credential of this machine is in reach."""
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    return monkeypatch


def tokens(google: GoogleSandbox) -> int:
    return sum(request.path == "/token" for request in google.requests)


def as_mapping(info: dict[str, str], folder: Path) -> Any:
    return info


def as_text(info: dict[str, str], folder: Path) -> Any:
    return "\n" + json.dumps(info)


def as_file(info: dict[str, str], folder: Path) -> Any:
    path = folder / "key.json"
    path.write_text(json.dumps(info), "utf-8")
    return str(path)


@pytest.mark.parametrize("form", [as_mapping, as_text, as_file])
def test_a_service_account_in_every_form(google: GoogleSandbox, made: Any, form: Any, tmp_path: Path) -> None:
    credentials = made(form(google.service_account_info(), tmp_path))

    headers = credentials.headers()

    assert (list(headers), headers["Authorization"][:12], credentials.project(), tokens(google)) == (
        ["Authorization"],
        "Bearer ya29.",
        google.project,
        1,
    )


def test_a_persons_login_with_a_quota_project(google: GoogleSandbox, made: Any) -> None:
    credentials = made({**google.tokens.authorized_user_info(), "quota_project_id": "who-pays"})

    assert credentials.headers()["x-goog-user-project"] == "who-pays"


def test_the_default_credentials_file(
    google: GoogleSandbox, made: Any, tmp_path: Path, bare_environment: pytest.MonkeyPatch
) -> None:
    bare_environment.setenv("GOOGLE_APPLICATION_CREDENTIALS", as_file(google.service_account_info(), tmp_path))

    assert made(None).project() == google.project


def test_the_metadata_server(google: GoogleSandbox, made: Any, bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("NO_GCE_CHECK", "false")
    bare_environment.setenv("GCE_METADATA_HOST", google.url.removeprefix("http://"))
    bare_environment.setenv("GCE_METADATA_IP", google.url.removeprefix("http://"))

    credentials = made(None)

    assert (credentials.headers()["Authorization"][:12], credentials.project()) == ("Bearer ya29.", google.project)


def test_no_credential_at_all_names_the_remedy(made: Any, bare_environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProviderFailed, match="gcloud auth application-default login") as caught:
        made(None).headers()

    assert (caught.value.http_status, caught.value.retryable) == (502, False)


@pytest.mark.parametrize(
    "given",
    [
        "/nowhere/key.json",
        '{"type": "service_account", "private_key": "topsecret"}',
        "{topsecret",
        {"type": "service_account", "private_key": "topsecret", "client_email": "a@b", "token_uri": "http://t"},
        {"type": "mystery", "refresh_token": "topsecret"},
        {"type": "authorized_user", "refresh_token": "topsecret"},
        {"type": "external_account", "token_url": "topsecret"},
        [],
    ],
    ids=str,
)
def test_a_broken_credential_is_named_but_not_quoted(made: Any, given: Any) -> None:
    with pytest.raises(ProviderFailed, match="Check vertex_credentials") as caught:
        made(given).headers()

    assert ("topsecret" in caught.value.message, caught.value.upstream_status) == (False, 401)


def test_a_token_is_fetched_once_for_sixteen_threads(google: GoogleSandbox, made: Any) -> None:
    credentials = made()
    start = threading.Barrier(16)

    def ask(_: int) -> str:
        start.wait()
        return str(credentials.headers()["Authorization"])

    with ThreadPoolExecutor(16) as pool:
        answers = set(pool.map(ask, range(16)))

    assert (len(answers), tokens(google)) == (1, 1)


def test_those_who_waited_for_a_token_fail_with_it(google: GoogleSandbox, made: Any) -> None:
    credentials = made()
    start = threading.Barrier(16)
    google.inject(Fault("POST", "/token", status=400, body={"error": "invalid_grant"}, delay=0.5, times=None))

    def ask(_: int) -> ProviderFailed:
        start.wait()
        with pytest.raises(ProviderFailed) as caught:
            credentials.headers()
        return caught.value

    with ThreadPoolExecutor(16) as pool:
        failures = list(pool.map(ask, range(16)))
    told, asked = {failure.message for failure in failures}, tokens(google)
    google.reset()

    assert (len(set(map(id, failures))), len(told), asked) == (16, 1, 1)  # each may add to its own message
    assert credentials.headers()


def test_one_thread_renews_early_while_the_others_go_on(google: GoogleSandbox, made: Any) -> None:
    clock, gate = Clock(), threading.Event()
    credentials = made(clock=clock)
    old = credentials.headers()
    clock.ahead = 3400
    google.inject(Fault("POST", "/token", gate=gate))
    with ThreadPoolExecutor(1) as pool:
        renewing = pool.submit(credentials.headers)
        google.wait_for(lambda request: request.path == "/token", count=2)
        meanwhile = [credentials.headers() for _ in range(5)]
        gate.set()
        new = renewing.result()

    assert (meanwhile, new != old, credentials.headers(), tokens(google)) == ([old] * 5, True, new, 2)


def test_a_failed_early_renewal_costs_nothing(google: GoogleSandbox, made: Any) -> None:
    clock = Clock()
    credentials = made(clock=clock)
    old = credentials.headers()
    clock.ahead = 3400
    google.inject(Fault("POST", "/token", status=400, body={"error": "invalid_grant"}, times=None))

    answers = [credentials.headers(), credentials.headers()]

    assert (answers, tokens(google)) == ([old, old], 2)


def test_an_expired_token_is_never_used(google: GoogleSandbox, made: Any) -> None:
    clock = Clock()
    credentials = made(clock=clock)
    old = credentials.headers()
    clock.ahead = 4000

    assert credentials.headers() != old


def test_google_auth_is_not_loaded_before_it_is_needed() -> None:
    program = "import sys, managed_files.providers.registry; print('google.auth' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"
