"""Looking files up, paging through them, reading them back, deleting them."""

import pytest
import requests
from openai import BadRequestError, NotFoundError, OpenAI

from managed_files.sandbox import Fault
from tests import files
from tests.e2e.calls import upload
from tests.e2e.gateway import MASTER_KEY, Gateway
from tests.e2e.providers import GEMINI, GPT, Providers
from tests.e2e.rows import make_due, states
from tests.openai_schema import assert_valid
from tests.sdk import openai_at

BEARER = {"Authorization": f"Bearer {MASTER_KEY}"}


@pytest.fixture
def five(client: OpenAI) -> list[str]:
    """Five files, in the order of their making."""
    return [upload(client, target_model_names=GEMINI).id for _ in range(5)]


def test_retrieve_tells_what_create_told(client: OpenAI) -> None:
    file = upload(client)
    assert client.files.retrieve(file.id).to_dict() == file.to_dict()


def test_a_repeated_upload_with_its_idempotency_key_is_the_same_file(client: OpenAI, providers: Providers) -> None:
    first, second = (upload(client, extra_headers={"Idempotency-Key": "once"}) for _ in range(2))
    assert (first.id, len(providers.openai.files)) == (second.id, 1)


def test_pages_follow_each_other_newest_first(client: OpenAI, five: list[str]) -> None:
    assert [file.id for file in client.files.list(limit=2)] == five[::-1]


def test_pages_follow_each_other_oldest_first(client: OpenAI, five: list[str]) -> None:
    assert [file.id for file in client.files.list(limit=2, order="asc")] == five


def test_a_page_begins_after_the_named_file(client: OpenAI, five: list[str]) -> None:
    assert [file.id for file in client.files.list(after=five[2], limit=1).data] == [five[1]]


def test_a_list_of_one_purpose(client: OpenAI) -> None:
    rows = files.jsonl()
    upload(client, target_model_names=GEMINI)
    tuning = upload(client, rows, target_model_names=GEMINI, purpose="fine-tune")
    assert [file.id for file in client.files.list(purpose="fine-tune")] == [tuning.id]


@pytest.mark.parametrize("query", ["limit=2", "limit=5", "order=asc"])
def test_a_page_is_openais(gateway: Gateway, five: list[str], query: str) -> None:
    page = requests.get(f"{gateway.url}/v1/files?{query}", headers=BEARER, timeout=10).json()
    assert_valid("ListFilesResponse", page)


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "limit=two", "order=random"])
def test_a_wrong_query_is_refused(gateway: Gateway, query: str) -> None:
    assert requests.get(f"{gateway.url}/files?{query}", headers=BEARER, timeout=10).status_code == 400


def test_content_comes_back_byte_for_byte(client: OpenAI) -> None:
    big = files.Sample("noise.bin", "application/octet-stream", "", bytes(range(256)) * 4000)
    file = upload(client, big)
    assert client.files.content(file.id).read() == big.data


def test_content_that_no_provider_gives_back(client: OpenAI) -> None:
    file = upload(client, target_model_names=GPT)
    with pytest.raises(BadRequestError, match="held by openai, and none of them returns the content"):
        client.files.content(file.id)


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/files/{}"), ("DELETE", "/v1/files/{}"), ("POST", "/files/{}/delete")]
)
def test_every_way_to_delete(client: OpenAI, gateway: Gateway, providers: Providers, method: str, path: str) -> None:
    file = upload(client)
    answer = requests.request(method, gateway.url + path.format(file.id), headers=BEARER, timeout=30).json()
    assert_valid("DeleteFileResponse", answer)
    assert (answer["deleted"], providers.stored()) == (True, {})


def test_a_second_delete_finds_nothing(client: OpenAI) -> None:
    file = upload(client)
    client.files.delete(file.id)
    with pytest.raises(NotFoundError):
        client.files.delete(file.id)


def test_a_copy_that_was_gone_already_counts_as_deleted(client: OpenAI, providers: Providers, url: str) -> None:
    file = upload(client)
    providers.google.buckets.clear()
    client.files.delete(file.id)
    assert states(url) == []


def test_a_copy_that_cannot_be_deleted_now_is_no_concern_of_the_client(client: OpenAI, providers: Providers) -> None:
    file = upload(client)
    providers.openai.inject(Fault(method="DELETE", status=500, times=None))
    assert (client.files.delete(file.id).deleted, client.files.list().data) == (True, [])


def test_a_copy_that_could_not_be_deleted_is_deleted_later(
    client: OpenAI, gateway: Gateway, providers: Providers, url: str
) -> None:
    file = upload(client)
    providers.openai.inject(Fault(method="DELETE", status=500))
    client.files.delete(file.id)
    make_due(url)
    gateway.command("reconcile", "--once")
    assert (providers.stored(), states(url)) == ({}, [])


def test_somebody_elses_file_is_not_found(client: OpenAI, gateway: Gateway) -> None:
    file = upload(client)
    key = gateway.command("keys", "create", "--user-id", "somebody-else").strip()
    with openai_at(gateway.url, key) as stranger, pytest.raises(NotFoundError):
        stranger.files.retrieve(file.id)


def test_models_are_those_of_the_key(gateway: Gateway) -> None:
    key = gateway.command("keys", "create", "--models", GPT).strip()
    with openai_at(gateway.url, key) as client:
        assert [model.id for model in client.models.list()] == [GPT]


def test_the_list_of_models_is_openais(gateway: Gateway) -> None:
    models = requests.get(f"{gateway.url}/v1/models", headers=BEARER, timeout=10).json()
    assert_valid("ListModelsResponse", models)
