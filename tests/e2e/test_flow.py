"""The documented flow with the official Python SDK: one upload, one id, every model; then gone everywhere."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests import files
from tests.e2e.calls import ask, stream_text, upload
from tests.e2e.gateway import MASTER_KEY, Gateway
from tests.e2e.providers import AZURE, BOTH, GEMINI, GPT, GPT_BIG, Providers
from tests.openai_schema import assert_valid
from tests.sdk import openai_at


@pytest.fixture(params=["", "/v1"], ids=["without v1", "with v1"])
def client(gateway: Gateway, request: pytest.FixtureRequest) -> Iterator[OpenAI]:
    with openai_at(gateway.url + request.param, MASTER_KEY) as client:
        yield client


def test_one_upload_from_disk_reaches_both_providers(client: OpenAI, providers: Providers, folder: Path) -> None:
    paper = files.pdf()
    path = folder / paper.name
    path.write_bytes(paper.data)
    with path.open("rb") as file:
        client.files.create(file=file, purpose="user_data", extra_body={"target_model_names": BOTH})
    assert providers.stored() == {"openai": [paper.sha256], "vertex_ai": [paper.sha256]}


@pytest.mark.parametrize("model", [GPT, GEMINI])
def test_a_model_reads_the_file_by_its_one_id(client: OpenAI, model: str) -> None:
    paper = files.pdf()
    file = upload(client, paper)
    assert paper.sha256 in ask(client, model, file.id)


@pytest.mark.parametrize("model", [GPT, GEMINI])
def test_a_streamed_answer_is_the_whole_answer(client: OpenAI, model: str) -> None:
    file = upload(client)
    assert stream_text(client, model, file.id) == ask(client, model, file.id)


def test_after_a_delete_every_copy_is_gone(client: OpenAI, providers: Providers) -> None:
    file = upload(client)
    deleted = client.files.delete(file.id)
    assert (deleted.to_dict(), providers.stored()) == ({"id": file.id, "object": "file", "deleted": True}, {})


def test_a_deleted_file_is_not_found(client: OpenAI) -> None:
    file = upload(client)
    client.files.delete(file.id)
    with pytest.raises(NotFoundError):
        client.files.retrieve(file.id)


def test_a_deleted_file_cannot_be_asked_about(client: OpenAI) -> None:
    file = upload(client)
    client.files.delete(file.id)
    with pytest.raises(NotFoundError):
        ask(client, GPT, file.id)


def test_two_models_of_one_account_share_one_upload(client: OpenAI, providers: Providers) -> None:
    paper = files.pdf()
    upload(client, paper, target_model_names=f"{GPT}, {GPT_BIG}")
    assert providers.stored() == {"openai": [paper.sha256]}


def test_another_model_of_the_same_account_can_use_the_file(client: OpenAI) -> None:
    paper = files.pdf()
    file = upload(client, paper, target_model_names=GPT)
    assert paper.sha256 in ask(client, GPT_BIG, file.id)


def test_three_providers_at_once(client: OpenAI, providers: Providers) -> None:
    paper = files.pdf()
    upload(client, paper, target_model_names=f"{BOTH},{AZURE}")
    assert providers.stored() == {name: [paper.sha256] for name in ("openai", "azure", "vertex_ai")}


def test_a_model_without_a_copy_is_told_which_models_have_one(client: OpenAI) -> None:
    file = upload(client, target_model_names=GPT)
    with pytest.raises(BadRequestError, match=f"Models that have one: {GPT}, {GPT_BIG}"):
        ask(client, GEMINI, file.id)


def test_the_file_object_is_openais(client: OpenAI) -> None:
    file = upload(client)
    assert_valid("OpenAIFile", file.to_dict())
