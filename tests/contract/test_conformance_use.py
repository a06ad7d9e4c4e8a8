"""What every adapter keeps once a file is stored: the contract in providers/base.py, sentence by sentence."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from managed_files.errors import ContentUnavailable, ProviderFailed
from managed_files.records import Copy, CopyState
from managed_files.sandbox.faults import Fault
from tests.contract.benches import CONTENT, FILE_ID, Bench, sending

DIGEST = hashlib.sha256(CONTENT).hexdigest()


# delete, ready, content


def test_delete_twice_is_fine(bench: Bench) -> None:
    remote_id = bench.uploaded()
    bench.provider.delete(remote_id)
    bench.provider.delete(remote_id)

    assert bench.stored() == {}


@pytest.mark.parametrize("status", [403, 429, 500])
def test_a_delete_that_is_refused_says_so(bench: Bench, status: int) -> None:
    remote_id = bench.uploaded()
    bench.sandbox.inject(Fault("DELETE", bench.file_path, status=status))

    with pytest.raises(ProviderFailed) as caught:
        bench.provider.delete(remote_id)

    assert (caught.value.upstream_status, list(bench.stored())) == (status, [remote_id])


def test_a_stored_file_is_ready(bench: Bench) -> None:
    assert bench.provider.ready(bench.uploaded()) is CopyState.READY


def test_content_comes_back_whole_or_is_said_to_be_kept(bench: Bench) -> None:
    remote_id = bench.uploaded()
    try:
        content = b"".join(bench.provider.content(remote_id, "user_data"))
    except ContentUnavailable as kept:
        content = type(kept).__name__.encode()

    assert content == (CONTENT if bench.returns_content else b"ContentUnavailable")


def test_content_that_breaks_off_is_a_failure(giving_bench: Bench) -> None:
    remote_id = giving_bench.uploaded(CONTENT * 4, "batch", "lines.jsonl")
    giving_bench.sandbox.inject(Fault("GET", giving_bench.file_path, cut="mid_stream"))

    with pytest.raises(ProviderFailed) as caught:
        b"".join(giving_bench.provider.content(remote_id, "batch"))

    assert (caught.value.provider, caught.value.retryable) == (giving_bench.name, True)


def test_content_of_a_file_that_is_gone_is_a_404(giving_bench: Bench) -> None:
    remote_id = giving_bench.uploaded()
    giving_bench.provider.delete(remote_id)

    with pytest.raises(ProviderFailed) as caught:
        giving_bench.provider.content(remote_id, "user_data")

    assert caught.value.upstream_status == 404


# resolve and chat


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "file": {"file_id": FILE_ID, "unknown": 1}, "mark": {"a": 2}},
        {"type": "image_url", "image_url": {"url": FILE_ID, "unknown": 1}, "mark": {"a": 2}},
        {"type": "image_url", "image_url": FILE_ID, "mark": {"a": 2}},
        {"type": "input_audio", "input_audio": {"data": FILE_ID, "format": "wav", "unknown": 1}, "mark": {"a": 2}},
    ],
    ids=lambda part: f"{part['type']}",
)
def test_resolve_is_pure_and_keeps_unknown_keys(bench: Bench, part: dict[str, Any]) -> None:
    copy = Copy(FILE_ID, "account", bench.name, CopyState.READY, "remote-1", "application/pdf")
    before = deepcopy(part)

    resolved = bench.provider.resolve(copy, part)

    file = {"file_id": "remote-1", **bench.in_every_file_part}
    if isinstance(part[part["type"]], dict):
        file["unknown"] = 1
    assert (part, resolved) == (before, {"type": "file", "file": file, "mark": {"a": 2}})


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_chat_call_reaches_the_provider(chat_bench: Bench, stream: bool) -> None:
    body = chat_bench.chat_body(stream)
    endpoint = chat_bench.provider.signed(chat_bench.provider.chat(chat_bench.deployment(), stream=stream), body)

    answer = chat_bench.upstream.send("POST", endpoint.url, headers=endpoint.headers, body=body)

    content_type = chat_bench.stream_type if stream else "application/json"
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, content_type)


def test_an_entrys_own_headers_go_with_its_chats(chat_bench: Bench) -> None:
    usual = chat_bench.deployment()
    entry = replace(usual, params={**usual.params, "extra_headers": {"X-Team": 7}})

    headers = chat_bench.provider.chat(entry, stream=False).headers

    assert {name.lower(): value for name, value in headers.items()}["x-team"] == "7"


def test_no_other_entrys_headers_go_with_a_chat(chat_bench: Bench) -> None:
    usual = chat_bench.deployment()
    first = chat_bench.built({**usual.account.params, "extra_headers": {"X-Team": 7}})

    assert "x-team" not in {name.lower() for name in first.chat(usual, stream=False).headers}


# secrets and threads


def test_no_secret_is_in_a_message_a_repr_or_a_log(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    remote_id = bench.uploaded()
    told = [repr(bench.provider), repr(bench.provider.account), repr(bench.deployment())]
    told.append(repr(bench.provider.chat(bench.deployment(), stream=False)))
    secrets = {*bench.secrets(), *bench.sent_credentials()}
    bench.sandbox.inject(Fault("DELETE", bench.file_path, status=400, body=" ".join(secrets).encode()))
    for act in (lambda: bench.provider.delete(remote_id), lambda: bench.built(bench.wrong_params()).delete(remote_id)):
        with pytest.raises(ProviderFailed) as caught:
            act()
        told += [str(caught.value), repr(caught.value)]

    assert [secret for secret in secrets if secret in " ".join([*told, caplog.text])] == []


def test_sixteen_threads_share_one_adapter(bench: Bench) -> None:
    uploads = [sending(bench.spooled(), file_id=f"file-mf-{number:032}") for number in range(16)]

    def live(index: int) -> str:
        remote_id = bench.provider.upload(uploads[index]).remote_id or ""
        held = bench.stored()[remote_id]
        bench.provider.delete(remote_id)
        return held

    with ThreadPoolExecutor(16) as pool:
        held = list(pool.map(live, range(16)))

    assert (held, bench.stored()) == ([DIGEST] * 16, {})
