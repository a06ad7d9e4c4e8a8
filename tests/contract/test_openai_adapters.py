"""What only OpenAI, its look-alikes and Azure do."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from managed_files.batch_records import EMBEDDINGS
from managed_files.errors import ContentUnavailable, ProviderFailed
from managed_files.ids import name_mark
from managed_files.providers import registry
from managed_files.records import Account, CopyState, Deployment
from managed_files.sandbox.azure import AzureSandbox
from managed_files.sandbox.faults import Fault
from tests.contract.benches import FILE_ID, AzureBench, Bench, OpenAIBench, sending

OURS, ANOTHERS = f"{name_mark(FILE_ID)}a.pdf", f"{name_mark('file-mf-' + 32 * 'b')}a.pdf"


class OldResource(AzureSandbox):
    def __init__(self) -> None:
        super().__init__(takes_user_data=False)


class OldAzureBench(AzureBench):
    """A resource that refuses the purpose `user_data`, by the dated API."""

    stand_in = OldResource
    upload_path = "/openai/files$"

    def params(self) -> dict[str, Any]:
        return {**super().params(), "api_version": "2024-10-21"}


@pytest.fixture
def openai() -> Iterator[OpenAIBench]:
    bench = OpenAIBench()
    yield bench
    bench.close()


@pytest.fixture
def azure() -> Iterator[OldAzureBench]:
    bench = OldAzureBench()
    yield bench
    bench.close()


def listed(*files: tuple[str, str, int], **more: Any) -> dict[str, Any]:
    return {"data": [{"id": key, "filename": name, "created_at": at} for key, name, at in files], **more}


def answering(bench: Bench, *pages: dict[str, Any]) -> None:
    for page in pages:
        bench.sandbox.inject(Fault("GET", "/v1/files$", status=200, body=page))


def form_fields(bench: Bench) -> list[str]:
    """The names of the text fields of each upload, and the purposes."""
    bodies = [(r.body or b"").decode("latin-1") for r in bench.sandbox.requests if r.method == "POST"]
    return [
        part.partition("\r\n\r\n")[2].partition("\r\n")[0]
        for body in bodies
        for part in body.split("--")
        if 'name="purpose"' in part
    ]


# find


def test_find_reads_every_page(openai: OpenAIBench) -> None:
    answering(
        openai,
        listed(("f4", OURS, 4), ("f3", "other.pdf", 3), has_more=True),
        listed(("f2", OURS, 2), ("f1", ANOTHERS, 1), has_more=False),
    )

    found = openai.provider.find(FILE_ID)

    assert (found, [r.query.get("after") for r in openai.sandbox.requests]) == (["f4", "f2"], [None, "f3"])


def test_find_stops_at_files_that_are_too_old(openai: OpenAIBench) -> None:
    answering(openai, listed(("f4", OURS, 400), ("f3", "other.pdf", 300), has_more=True))

    assert (openai.provider.find(FILE_ID, 350), len(openai.sandbox.requests)) == (["f4"], 1)


@pytest.mark.parametrize("has_more", [{}, {"has_more": True}], ids=str)
def test_find_ends_at_a_server_that_knows_no_pages(openai: OpenAIBench, has_more: dict[str, Any]) -> None:
    page = listed(("f1", "other.pdf", 100), ("f2", OURS, 200), **has_more)
    answering(openai, page, page)

    assert openai.provider.find(FILE_ID, 150) == ["f2"]


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_a_files_api_holds_nothing(openai: OpenAIBench, status: int) -> None:
    openai.sandbox.inject(Fault("GET", "/v1/files$", status=status))

    assert openai.provider.find(FILE_ID) == []


def test_a_page_that_vanished_is_not_the_end(openai: OpenAIBench) -> None:
    answering(openai, listed(("f1", OURS, 1), has_more=True))
    openai.sandbox.inject(Fault("GET", "/v1/files$", status=404))

    with pytest.raises(ProviderFailed):
        openai.provider.find(FILE_ID)


@pytest.mark.parametrize("page", [{}, {"data": None}, {"data": [None, {}, {"id": 7}]}], ids=str)
def test_find_survives_a_list_that_is_none(openai: OpenAIBench, page: dict[str, Any]) -> None:
    answering(openai, page)

    assert openai.provider.find(FILE_ID) == []


# upload


def test_the_life_of_a_file_is_passed_on(openai: OpenAIBench) -> None:
    copy = openai.provider.upload(replace(sending(openai.spooled()), expires_after=7200))

    stored = openai.sandbox.files[copy.stored_id]
    assert (copy.expires_at, stored.filename) == (stored.created_at + 7200, f"{name_mark(FILE_ID)}paper.pdf")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("processed", CopyState.READY),
        ("uploaded", CopyState.READY),
        (None, CopyState.READY),
        ("pending", CopyState.PROCESSING),
        ("running", CopyState.PROCESSING),
    ],
)
def test_the_state_follows_the_status(openai: OpenAIBench, status: str | None, state: CopyState) -> None:
    openai.sandbox.inject(Fault("POST", "/v1/files$", status=200, body={"id": "file-1", "status": status}))
    openai.sandbox.inject(Fault("GET", "/v1/files/file-1$", status=200, body={"id": "file-1", "status": status}))

    copy = openai.provider.upload(sending(openai.spooled()))

    assert (copy.state, openai.provider.ready("file-1")) == (state, state)


def test_a_file_that_the_provider_cannot_use_is_removed(openai: OpenAIBench) -> None:
    answer = {"id": "file-1", "status": "error", "status_details": "encrypted"}
    openai.sandbox.inject(Fault("POST", "/v1/files$", status=200, body=answer))

    with pytest.raises(ProviderFailed, match="encrypted"):
        openai.provider.upload(sending(openai.spooled()))

    assert [r.path for r in openai.sandbox.requests if r.method == "DELETE"] == ["/v1/files/file-1"]


def test_a_file_that_is_gone_is_not_ready(openai: OpenAIBench) -> None:
    assert openai.provider.ready("file-unknown") is CopyState.FAILED


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}"])
def test_a_success_that_says_nothing_is_looked_after(openai: OpenAIBench, body: bytes) -> None:
    openai.sandbox.inject(Fault("POST", "/v1/files$", status=200, body=body))

    with pytest.raises(ProviderFailed) as caught:
        openai.provider.upload(sending(openai.spooled()))

    assert (caught.value.ambiguous, caught.value.retryable) == (True, False)


def test_an_id_cannot_leave_its_place_in_the_path(openai: OpenAIBench) -> None:
    openai.provider.delete("../models?x#y")

    assert [r.path for r in openai.sandbox.requests] == ["/v1/files/..%2Fmodels%3Fx%23y"]


@pytest.mark.parametrize("status", [400, 405, 501])
def test_a_server_that_keeps_the_content_says_so(openai: OpenAIBench, status: int) -> None:
    openai.sandbox.inject(Fault("GET", "/v1/files/f1/content", status=status))

    with pytest.raises(ContentUnavailable, match="does not return this file"):
        openai.provider.content("f1", "user_data")


# headers


def deployed(provider: str, **params: Any) -> Deployment:
    return Deployment("group", "target", "gpt/x", Account("a", provider, params), params)


def endpoint(openai: OpenAIBench, deployment: Deployment) -> tuple[str, dict[str, str]]:
    chat = registry.build(deployment.account, openai.upstream).chat(deployment, stream=True)
    return chat.url, {name: value for name, value in chat.headers.items() if name != "Content-Type"}


@pytest.mark.parametrize(
    ("params", "headers"),
    [
        ({"api_key": "k"}, {"Authorization": "Bearer k"}),
        ({}, {"Authorization": "Bearer EMPTY"}),
        ({"api_key": "k", "organization": "o"}, {"Authorization": "Bearer k", "OpenAI-Organization": "o"}),
        ({"api_key": "k", "extra_headers": {"X-Team": 7}}, {"Authorization": "Bearer k", "X-Team": "7"}),
    ],
)
def test_openai_headers(openai: OpenAIBench, params: dict[str, Any], headers: dict[str, str]) -> None:
    deployment = deployed("openai", api_base="http://host/v1/", **params)

    assert endpoint(openai, deployment) == ("http://host/v1/chat/completions", headers)


@pytest.mark.parametrize(
    ("base", "version", "url"),
    [
        ("http://r", None, "http://r/openai/v1/chat/completions"),
        ("http://r/", "v1", "http://r/openai/v1/chat/completions"),
        ("http://r", "latest", "http://r/openai/v1/chat/completions"),
        ("http://r", "preview", "http://r/openai/v1/chat/completions?api-version=preview"),
        ("http://r/openai/v1/", "2024-10-21", "http://r/openai/v1/chat/completions"),
        ("http://r", "2024-10-21", "http://r/openai/deployments/gpt%2Fx/chat/completions?api-version=2024-10-21"),
        (
            "http://r/openai",
            "2024-10-21",
            "http://r/openai/deployments/gpt%2Fx/chat/completions?api-version=2024-10-21",
        ),
    ],
)
def test_azure_flavours(openai: OpenAIBench, base: str, version: str | None, url: str) -> None:
    deployment = deployed("azure", api_base=base, api_version=version, api_key="k")

    assert endpoint(openai, deployment) == (url, {"api-key": "k"})
    vectors = registry.build(deployment.account, openai.upstream).elsewhere(deployment, EMBEDDINGS)
    assert vectors.url == url.replace("chat/completions", "embeddings")


@pytest.mark.parametrize(
    ("name", "base", "dialect"),
    [
        ("openai", "https://api.openai.com/v1", "openai_itself"),
        ("openai", "https://eu.api.openai.com/v1", "openai_itself"),
        ("openai", "https://api.openai.com.example.org/v1", "openai"),
        ("openai", "http://localhost:8000/v1", "openai"),
        ("openai", "http://[::1", "openai"),  # no address at all: the first call says so
        ("azure", "https://res.openai.azure.com", "openai_itself"),
    ],
)
def test_openai_itself_has_a_dialect_of_its_own(openai: OpenAIBench, name: str, base: str, dialect: str) -> None:
    account = Account("a", name, {"api_base": base, "api_key": "k"})
    assert registry.PROVIDERS[name](account, openai.upstream).dialect == dialect


def test_an_entry_is_called_by_its_own_version(openai: OpenAIBench) -> None:
    dated = deployed("azure", api_base="http://r", api_version="2024-10-21", api_key="k")
    newer = replace(dated, params={**dated.params, "api_version": "v1"})

    assert endpoint(openai, newer)[0] == "http://r/openai/v1/chat/completions"


def test_an_entra_token_goes_before_the_key(openai: OpenAIBench) -> None:
    deployment = deployed("azure", api_base="http://r", api_key="k", azure_ad_token="t")

    assert endpoint(openai, deployment)[1] == {"Authorization": "Bearer t"}


# Azure's purposes


def test_a_resource_that_refuses_user_data_gets_assistants_and_is_remembered(azure: OldAzureBench) -> None:
    azure.uploaded()
    azure.uploaded()

    assert form_fields(azure) == ["user_data", "assistants", "assistants"]


def test_another_400_is_not_taken_for_the_purpose(azure: OldAzureBench) -> None:
    azure.sandbox.inject(Fault("POST", azure.upload_path, status=400, times=2))
    with pytest.raises(ProviderFailed):
        azure.uploaded()
    azure.uploaded()

    assert form_fields(azure) == ["user_data", "assistants", "user_data", "assistants"]


def test_the_dated_api_is_told_no_life(azure: OldAzureBench) -> None:
    copy = azure.provider.upload(replace(sending(azure.spooled(), purpose="assistants"), expires_after=7200))

    assert copy.expires_at is None


def test_the_dated_api_serves_chat_and_delete(azure: OldAzureBench) -> None:
    remote_id = azure.uploaded()
    chat = azure.provider.chat(azure.deployment(), stream=False)
    answer = azure.upstream.send("POST", chat.url, headers=chat.headers, body=azure.chat_body(stream=False))
    azure.provider.delete(remote_id)

    assert (json.loads(answer.content)["object"], azure.stored()) == ("chat.completion", {})
