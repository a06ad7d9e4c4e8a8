"""The Gemini API's names, states, expiry and addresses."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.dialects.registry import DIALECTS
from managed_files.errors import ProviderFailed
from managed_files.providers.gemini import Gemini
from managed_files.providers.gemini_files import HOST, expiry_of, planned_uri
from managed_files.records import Account, Copy, CopyState, Deployment
from managed_files.sandbox.faults import Fault
from managed_files.sandbox.gemini import DEFAULT_KEY, GeminiSandbox
from managed_files.sandbox.gemini_files import BROKEN
from managed_files.upstream import Upstream
from tests.contract.benches import CONTENT, FILE_ID, GeminiBench, sending

OTHER_KEY = "AIzaOther-0123456789"
TWO_DAYS = 48 * 3600


class Studio(GeminiSandbox):
    """Two projects; sounds and videos are looked at once before they are usable."""

    def __init__(self) -> None:
        super().__init__(api_keys={DEFAULT_KEY: "ours", OTHER_KEY: "theirs"}, processing=1)


class StudioBench(GeminiBench):
    stand_in = Studio


@pytest.fixture
def bench() -> Iterator[StudioBench]:
    bench = StudioBench()
    yield bench
    bench.close()


def uploaded(bench: StudioBench, data: bytes = CONTENT, **changes: Any) -> Copy:
    return bench.provider.upload(replace(sending(bench.spooled(data)), **changes))


def adapter(**params: Any) -> Gemini:
    return Gemini(Account("a", "gemini", {"api_key": "k", **params}), Upstream(environ={}))


# names


def test_the_remote_id_is_chosen_before_the_upload(bench: StudioBench) -> None:
    assert uploaded(bench).remote_id == bench.provider.planned_id(sending(bench.spooled()))


@given(account=st.text(), file_id=st.text())
@settings(deadline=None)
def test_a_name_is_one_that_google_takes(account: str, file_id: str) -> None:
    name = planned_uri(account, file_id).removeprefix(f"{HOST}/v1beta/files/")

    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,38}[a-z0-9]", name)


def test_accounts_of_one_project_do_not_clash(bench: StudioBench) -> None:
    other = Gemini(Account("another account", "gemini", bench.params()), bench.upstream)
    copies = [provider.upload(sending(bench.spooled())) for provider in (bench.provider, other)]

    assert bench.stored().keys() == {copy.remote_id for copy in copies}


def test_an_upload_that_went_unnoticed_is_found_and_its_name_is_free_again(bench: StudioBench) -> None:
    found = [bench.provider.find(FILE_ID)]
    uploaded(bench)
    found.append(bench.provider.find(FILE_ID))
    for remote_id in found[1]:
        bench.provider.delete(remote_id)

    assert (found, uploaded(bench).remote_id) == ([[], found[1]], *found[1])


def test_a_name_that_is_taken_is_a_conflict(bench: StudioBench) -> None:
    uploaded(bench)

    with pytest.raises(ProviderFailed) as caught:
        uploaded(bench)

    assert caught.value.upstream_status == 409


# life


def test_the_copy_keeps_when_google_ends_it(bench: StudioBench) -> None:
    before = int(time.time())
    copy = uploaded(bench)

    assert before + TWO_DAYS <= (copy.expires_at or 0) <= time.time() + TWO_DAYS


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("2026-11-24T10:00:00Z", 1795514400),
        ("2026-11-24T10:00:00.123456789Z", 1795514400),
        ("2026-11-24T12:00:00+02:00", 1795514400),
        ("soon", None),
        (None, None),
    ],
)
def test_expiry_in_seconds(told: str | None, seconds: int | None) -> None:
    assert expiry_of({"expirationTime": told}) == seconds


def test_a_video_is_processed_first(bench: StudioBench) -> None:
    copy = uploaded(bench, mime_type="video/mp4")
    states = [copy.state, *(bench.provider.ready(copy.stored_id) for _ in range(2))]

    assert states == [CopyState.PROCESSING, CopyState.PROCESSING, CopyState.READY]


def test_a_video_that_cannot_be_processed_has_failed(bench: StudioBench) -> None:
    copy = uploaded(bench, BROKEN, mime_type="video/mp4")
    states = [bench.provider.ready(copy.stored_id) for _ in range(2)]

    assert states == [CopyState.PROCESSING, CopyState.FAILED]


def test_a_file_that_fails_at_once_says_that_it_is_there(bench: StudioBench) -> None:
    with pytest.raises(ProviderFailed, match="could not process") as caught:
        uploaded(bench, BROKEN)

    assert (caught.value.ambiguous, list(bench.stored())) == (True, bench.provider.find(FILE_ID))


def test_a_file_that_is_gone_has_failed(bench: StudioBench) -> None:
    assert bench.provider.ready(planned_uri("x", "y")) is CopyState.FAILED


def test_ready_says_so_when_google_refuses_to_tell(bench: StudioBench) -> None:
    copy = uploaded(bench)
    bench.sandbox.inject(Fault("GET", bench.file_path, status=403))

    with pytest.raises(ProviderFailed):
        bench.provider.ready(copy.stored_id)


def test_another_projects_file_counts_as_gone_and_stays(bench: StudioBench) -> None:
    copy = uploaded(bench)
    bench.adapter(api_key=OTHER_KEY).delete(copy.stored_id)

    assert list(bench.stored()) == [copy.remote_id]


@pytest.mark.parametrize(
    ("mime_type", "purpose", "stored"),
    [
        ("application/pdf", "user_data", "application/pdf"),
        ("text/markdown", "user_data", "text/plain"),
        ("application/jsonl", "user_data", "text/plain"),
        ("application/jsonl", "batch", "application/jsonl"),
    ],
)
def test_a_file_is_stored_under_the_type_of_its_use(
    bench: StudioBench, mime_type: str, purpose: str, stored: str
) -> None:
    copy = uploaded(bench, mime_type=mime_type, purpose=purpose)

    assert (bench.sandbox.files[copy.stored_id].mime_type, copy.mime_type) == (stored, mime_type)


def test_a_long_or_foreign_filename_is_a_display_name(bench: StudioBench) -> None:
    copy = uploaded(bench, filename="ü" * 600 + ".pdf")

    assert bench.sandbox.files[copy.stored_id].display_name == "ü" * 512


# addresses


@pytest.mark.parametrize(
    ("base", "model", "url"),
    [
        (HOST, "m", f"{HOST}/v1beta/models/m:"),
        (f"{HOST}/", "m", f"{HOST}/v1beta/models/m:"),
        (f"{HOST}/v1", "m", f"{HOST}/v1/models/m:"),
        (f"{HOST}/v1beta/", "m", f"{HOST}/v1beta/models/m:"),
        ("http://proxy/gemini", "m", "http://proxy/gemini/v1beta/models/m:"),
        (None, "tunedModels/mine", f"{HOST}/v1beta/tunedModels/mine:"),
        (None, "a b", f"{HOST}/v1beta/models/a%20b:"),
    ],
)
@pytest.mark.parametrize(("stream", "method"), [(False, "generateContent"), (True, "streamGenerateContent?alt=sse")])
def test_where_a_chat_call_goes(base: str | None, model: str, url: str, stream: bool, method: str) -> None:
    provider = adapter(api_base=base)
    endpoint = provider.chat(Deployment("g", "t", model, provider.account, {}), stream=stream)

    assert endpoint.url == url + method


def test_the_key_goes_in_a_header_and_more_headers_with_it() -> None:
    provider = adapter(api_key="AIza-key")
    deployment = Deployment("g", "t", "m", provider.account, {"extra_headers": {"X-Deployment": "d"}})

    assert provider.chat(deployment, stream=False).headers == {
        "x-goog-api-key": "AIza-key",
        "X-Deployment": "d",
        "Content-Type": "application/json",
    }


def test_a_session_stays_at_the_host_that_was_given(bench: StudioBench) -> None:
    elsewhere = "https://elsewhere.invalid/upload/v1beta/files?upload_id=none"
    bench.sandbox.inject(Fault("POST", bench.upload_path, status=200, headers={"X-Goog-Upload-URL": elsewhere}))

    with pytest.raises(ProviderFailed) as caught:
        uploaded(bench)

    assert (caught.value.upstream_status, bench.sandbox.requests[1].query) == (404, {"upload_id": "none"})


# use


def ask(bench: StudioBench, copy: Copy) -> tuple[int, str]:
    """What the model answers about the copy, through the dialect."""
    part = bench.provider.resolve(copy, {"type": "file", "file": {"file_id": copy.file_id}})
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "What?"}, part]}]}
    request = DIALECTS[bench.provider.dialect].request(body, bench.model)
    endpoint = bench.provider.chat(bench.deployment(), stream=False)
    answer = bench.upstream.send("POST", endpoint.url, headers=endpoint.headers, body=json.dumps(request).encode())
    return answer.status_code, answer.text


@pytest.mark.parametrize("base", ["", "/v1beta", "/v1"])
def test_a_message_names_the_file_by_its_uri(bench: StudioBench, base: str) -> None:
    bench.provider = bench.adapter(api_base=bench.sandbox.url + base)
    copy = uploaded(bench)
    status, text = ask(bench, copy)

    assert (status, bench.stored()[copy.stored_id] in text) == (200, True)


def test_a_file_in_processing_cannot_be_used_yet(bench: StudioBench) -> None:
    status, text = ask(bench, uploaded(bench, mime_type="video/mp4"))

    assert (status, json.loads(text)["error"]["status"]) == (400, "FAILED_PRECONDITION")
