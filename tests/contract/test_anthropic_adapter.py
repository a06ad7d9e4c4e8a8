"""What Anthropic's adapter alone does: names, types, ends of life, pages, versions and betas."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from managed_files.errors import ProviderFailed
from managed_files.ids import name_mark
from managed_files.providers.anthropic import Anthropic
from managed_files.records import Account, Copy, CopyState, Deployment
from managed_files.sandbox.faults import Fault
from managed_files.upstream import Upstream
from tests.contract.benches import FILE_ID, AnthropicBench, sending

CHAT = {"anthropic-version": "2023-06-01", "anthropic-beta": "files-api-2025-04-14"}


@pytest.fixture
def bench() -> Iterator[AnthropicBench]:
    bench = AnthropicBench()
    yield bench
    bench.close()


def stored_name(bench: AnthropicBench, filename: str) -> str:
    bench.uploaded(filename=filename)
    (file,) = bench.sandbox.files.values()
    return file.filename


def sent(bench: AnthropicBench, **params: Any) -> dict[str, str]:
    """The headers of a chat."""
    bench.provider = bench.adapter(**params)
    return dict(bench.provider.chat(bench.deployment(), stream=False).headers)


@pytest.mark.parametrize(
    ("filename", "stored"),
    [
        ("paper.pdf", "paper.pdf"),
        ('a<b>c:d"e|f?g*h\\i.pdf', "a_b_c_d_e_f_g_h_i.pdf"),
        ("üñí 😀.pdf", "üñí 😀.pdf"),
        ("x" * 300 + ".pdf", "x" * 215 + ".pdf"),
        ("x." + "y" * 300, "x." + "y" * 201 + "." + "y" * 15),
    ],
)
def test_a_name_is_made_fit(bench: AnthropicBench, filename: str, stored: str) -> None:
    assert stored_name(bench, filename) == name_mark(FILE_ID) + stored


@pytest.mark.parametrize(
    ("mime_type", "stored"),
    [
        ("application/pdf", "application/pdf"),
        ("text/csv", "text/plain"),
        ("application/json", "text/plain"),
        ("image/png", "image/png"),
        ("audio/wav", "audio/wav"),
    ],
)
def test_texts_go_as_plain_text(bench: AnthropicBench, mime_type: str, stored: str) -> None:
    copy = bench.provider.upload(replace(sending(bench.spooled()), mime_type=mime_type))
    (file,) = bench.sandbox.files.values()
    assert (file.mime_type, copy.mime_type) == (stored, mime_type)


@pytest.mark.parametrize(
    ("life", "told"), [(None, False), (3599, False), (3600, True), (7_776_000, True), (7_776_001, False)]
)
def test_the_end_of_a_file_is_told_within_the_limits(bench: AnthropicBench, life: int | None, told: bool) -> None:
    before = int(time.time())
    copy = bench.provider.upload(replace(sending(bench.spooled()), expires_after=life))
    assert (copy.expires_at is not None and copy.expires_at >= before + (life or 0)) == told


def test_a_file_without_an_end_costs_no_time(bench: AnthropicBench) -> None:
    before = time.thread_time()
    bench.uploaded(b"")
    assert time.thread_time() - before < 0.1


def test_a_use_names_the_stored_type_unless_the_client_does(bench: AnthropicBench) -> None:
    copy = Copy(FILE_ID, "account", "anthropic", CopyState.READY, "file_1", "text/csv")
    parts = [{"type": "file", "file": {"file_id": FILE_ID, **more}} for more in ({}, {"format": "image/png"})]
    assert [bench.provider.resolve(copy, part)["file"]["format"] for part in parts] == ["text/csv", "image/png"]


@pytest.mark.parametrize("version", ["2026-10-21", "2023-06-01"])
def test_a_lost_file_is_found_on_any_page(bench: AnthropicBench, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("managed_files.providers.anthropic._PAGE", 2)
    headers = {"anthropic-version": version, "anthropic-beta": "files-api-2025-04-14"}
    adapter = bench.adapter(extra_headers=headers)
    lost = adapter.upload(sending(bench.spooled(b"lost")))
    for number in range(4):
        adapter.upload(sending(bench.spooled(b""), file_id=f"file-mf-{number:032}"))

    assert (adapter.find(FILE_ID), len([r for r in bench.sandbox.requests if r.method == "GET"])) == (
        [lost.remote_id],
        3,
    )


@pytest.mark.parametrize(("moment", "pages"), [("2020-01-01T00:00:00.5Z", 1), ("2030-01-01T00:00:00Z", 2), ("soon", 2)])
def test_looking_ends_at_files_that_are_too_old(bench: AnthropicBench, moment: str, pages: int) -> None:
    files = [
        {"id": "file_2", "filename": "other", "created_at": "2030-01-01T00:00:01Z"},
        {"id": "file_1", "filename": f"{name_mark(FILE_ID)}a", "created_at": moment},
        "junk",
    ]
    bench.sandbox.inject(Fault("GET", "/v1/files$", status=200, body={"data": files, "next_page": "page_1"}))
    bench.sandbox.inject(Fault("GET", "/v1/files$", status=200, body={"data": [], "next_page": "page_2"}))

    found = bench.provider.find(FILE_ID, since=1_700_000_000)

    assert (found, len(bench.sandbox.requests)) == (["file_1"], pages)


def test_an_account_without_files(bench: AnthropicBench) -> None:
    assert bench.provider.find(FILE_ID) == []


def test_a_chat_uses_files_at_the_version_that_can_be_sampled(bench: AnthropicBench) -> None:
    headers = sent(bench)
    assert {name: headers[name] for name in CHAT} == CHAT


def test_an_entrys_headers_join_ours(bench: AnthropicBench) -> None:
    headers = sent(bench, extra_headers={"Anthropic-Beta": "mcp-client-2025-11-20", "X-Team": 5})
    told = headers["anthropic-beta"], headers["x-team"], headers["anthropic-version"]
    assert told == ("files-api-2025-04-14,mcp-client-2025-11-20", "5", "2023-06-01")


@pytest.mark.parametrize("base", ["{url}", "{url}/", "{url}/v1", "{url}/v1/", "{url}/v1/messages"])
def test_addresses_as_people_write_them(bench: AnthropicBench, base: str) -> None:
    adapter = bench.adapter(api_base=base.format(url=bench.sandbox.url))
    assert adapter.chat(bench.deployment(), stream=False).url == f"{bench.sandbox.url}/v1/messages"


def test_without_an_address_it_is_anthropics() -> None:
    adapter = Anthropic(Account("a", "anthropic", {"api_key": "k"}), Upstream(environ={}))
    endpoint = adapter.chat(Deployment("g", "t", "m", adapter.account, {}), stream=False)
    assert (endpoint.url, endpoint.headers["x-api-key"]) == ("https://api.anthropic.com/v1/messages", "k")


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        ("enforced_spend_limit_reached", False),
        ("contract_spend_limit_reached", False),
        ("ramp_limit_exceeded", True),
        ("requests_per_minute_exceeded", True),
    ],
)
def test_money_that_is_spent_does_not_come_back(bench: AnthropicBench, code: str, retryable: bool) -> None:
    error = {"type": "rate_limit_error", "message": "no", "details": {"error_code": code}}
    bench.sandbox.inject(Fault("DELETE", "/v1/files/", status=429, body={"type": "error", "error": error}))
    with pytest.raises(ProviderFailed) as caught:
        bench.provider.delete("file_1")
    assert (caught.value.retryable, caught.value.upstream_status) == (retryable, 429)


def test_an_overloaded_provider_may_be_asked_again(bench: AnthropicBench) -> None:
    bench.sandbox.inject(Fault("DELETE", "/v1/files/", status=529))
    with pytest.raises(ProviderFailed) as caught:
        bench.provider.delete("file_1")
    assert (caught.value.retryable, caught.value.http_status) == (True, 503)


def test_a_file_without_an_id_is_no_answer(bench: AnthropicBench) -> None:
    bench.sandbox.inject(Fault("POST", "/v1/files", status=200, body={"type": "file"}))
    with pytest.raises(ProviderFailed) as caught:
        bench.uploaded()
    assert (caught.value.ambiguous, caught.value.http_status) == (True, 502)
