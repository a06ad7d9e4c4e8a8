"""An account's name: it survives restarts and key rotation, tells accounts apart, and holds no secret."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.providers.registry import CATALOG
from managed_files.settings import parse

VERTEX = {"model": "vertex_ai/gemini-2.0-flash", "vertex_project": "project", "gcs_bucket_name": "bucket"}


def account(litellm_params: dict[str, Any], **variables: str) -> str:
    raw = {"model_list": [{"model_name": "any", "litellm_params": litellm_params}]}
    return parse(raw, CATALOG, variables).deployments[0].account.name


def test_a_reference_survives_the_rotation_of_its_key() -> None:
    params = {"model": "gpt-4o", "api_key": "os.environ/KEY"}
    assert account(params, KEY="sk-old") == account(params, KEY="sk-new")


def test_a_variable_read_by_default_survives_the_rotation_of_its_key() -> None:
    params = {"model": "gpt-4o"}
    assert account(params, OPENAI_API_KEY="sk-old") == account(params, OPENAI_API_KEY="sk-new")


def test_credentials_of_vertex_ai_in_litellms_variable_are_a_reference() -> None:
    spelled_out = account(VERTEX | {"vertex_credentials": "os.environ/VERTEXAI_CREDENTIALS"}, VERTEXAI_CREDENTIALS="{}")
    assert account(VERTEX, VERTEXAI_CREDENTIALS="{}") == spelled_out != account(VERTEX)


def test_a_reference_and_the_variable_read_by_default_are_one_account() -> None:
    spelled_out = account({"model": "gpt-4o", "api_key": "os.environ/OPENAI_API_KEY"}, OPENAI_API_KEY="sk")
    assert spelled_out == account({"model": "gpt-4o"}, OPENAI_API_KEY="sk")


def test_literals_that_differ_are_two_accounts() -> None:
    assert account({"model": "gpt-4o", "api_key": "sk-a"}) != account({"model": "gpt-4o", "api_key": "sk-b"})


@pytest.mark.parametrize(
    "name", [parameter.name for parameter in CATALOG.parameters["vertex_ai"] if parameter.identity]
)
def test_each_mark_of_identity_tells_two_accounts_apart(name: str) -> None:
    assert account(VERTEX | {name: "one"}) != account(VERTEX | {name: "other"})


def test_two_models_of_one_account_share_it() -> None:
    assert account({"model": "gpt-4o", "api_key": "sk"}) == account({"model": "gpt-4o-mini", "api_key": "sk"})


def test_the_region_of_vertex_ai_is_no_part() -> None:
    assert account(VERTEX | {"vertex_location": "us-central1"}) == account(VERTEX | {"vertex_location": "europe-west4"})


def test_the_order_of_literal_credentials_is_no_part() -> None:
    forwards = account(VERTEX | {"vertex_credentials": {"type": "x", "private_key": "y"}})
    assert forwards == account(VERTEX | {"vertex_credentials": {"private_key": "y", "type": "x"}})


def test_a_name_given_wins() -> None:
    given_name = {"model": "gpt-4o", "api_key": "sk", "api_base": "http://127.0.0.1", "account": "team"}
    assert account(given_name) == "openai:team"


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=12, max_size=60))
@settings(deadline=None)
def test_no_secret_is_in_a_name(secret: str) -> None:
    found = [
        account({"model": "gpt-4o", "api_key": secret}),
        account({"model": "azure/gpt-4o", "api_base": "https://a.test", "azure_ad_token": secret}),
        account(VERTEX | {"vertex_credentials": {"private_key": secret}}),
        account({"model": "gpt-4o"}, OPENAI_API_KEY=secret),
    ]
    assert not any(secret in name for name in found)
