"""A file at the Gemini API through the whole gateway: states, expiry, uploads whose answer was lost."""

import hashlib
from collections.abc import Iterator

import pytest

from managed_files.records import CopyState
from managed_files.sandbox.faults import Fault
from managed_files.sandbox.gemini import DEFAULT_KEY, GeminiSandbox
from tests.gateway import CONTENT, FORM, GPT, Bench, StandIns, file_part, form, settings_for
from tests.gateway_fixtures import Sql

STUDIO = "gemini-studio"
BOTH = f"{GPT}, {STUDIO}"
UPLOADS = "/upload/v1beta/files"


@pytest.fixture
def studio() -> Iterator[GeminiSandbox]:
    with GeminiSandbox(processing=1) as sandbox:
        yield sandbox


@pytest.fixture
def gateway(url: str, stand_ins: StandIns, studio: GeminiSandbox) -> Iterator[Bench]:
    """A gateway with the Gemini API beside the usual providers."""
    params = {"model": "gemini/gemini-2.0-flash", "api_base": studio.url, "api_key": DEFAULT_KEY}
    entries = [*stand_ins.entries(), {"model_name": STUDIO, "litellm_params": params}]
    bench = Bench(settings_for(url, stand_ins, entries), stand_ins)
    yield bench
    bench.close()


def test_one_file_is_used_and_deleted(gateway: Bench, studio: GeminiSandbox) -> None:
    file_id = gateway.stored(BOTH)
    said = gateway.chat(STUDIO, file_part(file_id)).get_json()["choices"][0]["message"]["content"]
    gone = gateway.call("DELETE", f"/files/{file_id}").get_json()["deleted"]

    assert (hashlib.sha256(CONTENT).hexdigest() in said, gone, dict(studio.files)) == (True, True, {})


def test_the_copy_tells_when_google_ends_it(gateway: Bench, studio: GeminiSandbox) -> None:
    copies = {copy["provider"]: copy for copy in gateway.upload(BOTH).get_json()["copies"]}
    stored = next(iter(studio.files.values()))

    told = copies["gemini"]["state"], copies["gemini"]["expires_at"], copies["openai"]["expires_at"]
    assert told == (CopyState.READY, int(stored.expires_at), None)


def test_a_copy_that_google_has_ended_holds_no_content(gateway: Bench, sql: Sql) -> None:
    file_id = gateway.stored(STUDIO)
    sql("UPDATE copies SET expires_at = now()")
    answer = gateway.call("GET", f"/files/{file_id}/content")
    assert (answer.status_code, "held by no provider" in answer.get_json()["error"]["message"]) == (400, True)


def test_a_video_is_waited_for(gateway: Bench, studio: GeminiSandbox) -> None:
    fields = {"target_model_names": STUDIO, "purpose": "user_data"}
    body = form(fields, CONTENT).replace(b"application/pdf", b"video/mp4")
    answer = gateway.call("POST", "/files", data=body, content_type=FORM)
    looks = sum(request.method == "GET" for request in studio.requests)

    assert (answer.get_json()["copies"][0]["state"], looks) == (CopyState.READY, 2)


def test_an_upload_that_ended_unseen_leaves_nothing(gateway: Bench, studio: GeminiSandbox) -> None:
    studio.inject(Fault("POST", UPLOADS))  # the start is served
    studio.inject(Fault("POST", UPLOADS, cut="after_commit"))
    studio.inject(Fault("POST", UPLOADS, status=403))
    status = gateway.upload(BOTH).status_code

    deleted = [request.status for request in studio.requests if request.method == "DELETE"]
    assert (status, deleted, dict(studio.files), gateway.stand_ins.counts()["openai"]) == (502, [200, 403], {}, 0)


def test_a_wrong_key_is_ours(gateway: Bench, studio: GeminiSandbox) -> None:
    studio.api_keys.clear()
    error = gateway.upload(STUDIO).get_json()["error"]

    assert (error["code"], DEFAULT_KEY in error["message"]) == ("provider_credentials_refused", False)
