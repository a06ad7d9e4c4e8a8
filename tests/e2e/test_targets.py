"""How a client says which models a file is for, and how long it shall live."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import requests
from openai import BadRequestError, OpenAI

from tests import files
from tests.e2e.calls import upload
from tests.e2e.gateway import MASTER_KEY, Gateway
from tests.e2e.providers import BOTH, GEMINI, GPT, Providers

BEARER = {"Authorization": f"Bearer {MASTER_KEY}"}
AT_BOTH = {name: [files.pdf().sha256] for name in ("openai", "vertex_ai")}


def post(
    gateway: Gateway, fields: Sequence[tuple[str, str]], query: Mapping[str, str] | None = None
) -> requests.Response:
    """A form as no SDK sends it: names as they stand, the file last."""
    paper = files.pdf()
    return requests.post(
        f"{gateway.url}/files",
        params=query,
        headers=BEARER,
        data=[("purpose", "user_data"), *fields],
        files={"file": (paper.name, paper.data)},
        timeout=30,
    )


@pytest.mark.parametrize("names", [BOTH, f" {GPT} ,{GEMINI} ", [GPT, GEMINI], f'["{GPT}", "{GEMINI}"]'], ids=str)
def test_names_as_the_sdk_sends_them(client: OpenAI, providers: Providers, names: str | list[str]) -> None:
    upload(client, target_model_names=names)
    assert providers.stored() == AT_BOTH


@pytest.mark.parametrize(
    "fields",
    [
        [("target_model_names[0]", GPT), ("target_model_names[1]", GEMINI)],
        [("target_model_names[]", GPT), ("target_model_names[]", GEMINI)],
        [("target_model_names", GPT), ("target_model_names", GEMINI)],
    ],
    ids=lambda fields: fields[0][0],
)
def test_names_as_form_fields(gateway: Gateway, providers: Providers, fields: Any) -> None:
    post(gateway, fields)
    assert providers.stored() == AT_BOTH


def test_names_in_the_query(gateway: Gateway, providers: Providers) -> None:
    post(gateway, [], query={"target_model_names": BOTH})
    assert providers.stored() == AT_BOTH


def test_a_provider_and_its_model_instead_of_the_public_name(client: OpenAI, providers: Providers) -> None:
    upload(client, target_model_names="vertex_ai/gemini-2.0-flash")
    assert list(providers.stored()) == ["vertex_ai"]


def test_an_unknown_name_is_told_with_the_allowed_ones(client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match=f"'gpt-99' is not a model .* Allowed: {GEMINI}, {GPT}, "):
        upload(client, target_model_names=f"{GPT}, gpt-99")


def test_with_an_unknown_name_nothing_is_stored_anywhere(client: OpenAI, providers: Providers) -> None:
    with pytest.raises(BadRequestError):
        upload(client, target_model_names=f"{GPT}, gpt-99")
    assert (providers.stored(), client.files.list().data) == ({}, [])


def test_without_a_name_the_error_tells_the_field(client: OpenAI) -> None:
    with pytest.raises(BadRequestError) as refused:
        upload(client, target_model_names=None)
    assert refused.value.param == "target_model_names"


def test_copies_tell_which_target_is_ready(client: OpenAI) -> None:
    copies: Any = upload(client).to_dict()["copies"]
    assert sorted((copy["provider"], copy["state"]) for copy in copies) == [("openai", "ready"), ("vertex_ai", "ready")]


def test_a_life_of_an_hour(client: OpenAI) -> None:
    file = upload(client, expires_after={"anchor": "created_at", "seconds": 3600})
    assert file.expires_at == file.created_at + 3600


def test_the_life_is_passed_on_where_the_provider_knows_one(client: OpenAI, providers: Providers) -> None:
    upload(client, expires_after={"anchor": "created_at", "seconds": 3600})
    stored = list(providers.openai.files.values())
    assert [file.expires_at for file in stored] == [file.created_at + 3600 for file in stored]


@pytest.mark.parametrize(
    "fields",
    [
        {"expires_after[anchor]": "created_at"},
        {"expires_after[seconds]": "3600"},
        {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3599"},
        {"expires_after[anchor]": "created_at", "expires_after[seconds]": "2592001"},
        {"expires_after[anchor]": "last_active_at", "expires_after[seconds]": "3600"},
    ],
    ids=str,
)
def test_half_or_out_of_range_it_is_refused(gateway: Gateway, providers: Providers, fields: Any) -> None:
    refused = post(gateway, [("target_model_names", BOTH), *fields.items()])
    assert (refused.status_code, providers.stored()) == (400, {})
