"""The environment and the configuration file: which counts, and `environment_variables` for the file and libraries."""

import os
from pathlib import Path

import pytest

from app import configured
from tests.unit.test_settings import GPT, WHSEC, one, parsed, refusal, with_general


def test_environment_variables_of_the_file_count_as_the_environment() -> None:
    raw = one(api_key="os.environ/KEY") | {
        "environment_variables": {"KEY": "from-file", "MANAGED_FILES_MASTER_KEY": "m"}
    }
    found = parsed(raw)
    assert (found.deployments[0].params["api_key"], found.master_key) == ("from-file", "m")


def test_variables_of_the_file_may_be_references_or_null() -> None:
    raw = one(api_key="os.environ/KEY") | {"environment_variables": {"KEY": "os.environ/OTHER", "A": None, "B": True}}
    found = parsed(raw, OTHER="other")
    assert (found.deployments[0].params["api_key"], found.variables) == ("other", {"KEY": "other", "B": "True"})


@pytest.mark.parametrize("value", [None, "os.environ/NO_SUCH_KEY"])
def test_a_variable_of_the_file_that_is_nothing_is_not_set(value: str | None) -> None:
    said = refusal(one(api_key="os.environ/KEY") | {"environment_variables": {"KEY": value}})
    assert said.startswith("model_list[0] (gpt).litellm_params.api_key refers to the environment variable KEY, which")


def test_variables_of_the_file_count_for_libraries_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("model_list: [{model_name: gpt, params: {model: gpt}}]\nenvironment_variables: {AWS_PROFILE: team}")
    monkeypatch.setenv("MANAGED_FILES_CONFIG", str(path))
    monkeypatch.setenv("AWS_PROFILE", "other")  # and so put back at the end
    configured()
    assert os.environ["AWS_PROFILE"] == "team"


@pytest.mark.parametrize("given", [{}, {"api_key": "os.environ/OPENAI_API_KEY"}, {"api_key": "key\n"}])
def test_a_key_that_ends_in_a_line_break_is_the_key(given: dict[str, str]) -> None:
    found = parsed(one(**given), OPENAI_API_KEY="key\n", LITELLM_MASTER_KEY="master\n")
    assert (found.deployments[0].params["api_key"], found.master_key) == ("key", "master")


@pytest.mark.parametrize(("given", "url"), [("", ""), (" ", ""), ("os.environ/DATABASE_URL", "\n"), (None, " ")])
def test_a_blank_database_url_is_no_wish_for_the_embedded_one(given: str | None, url: str) -> None:
    assert "database_url (or DATABASE_URL) is blank" in refusal(with_general(database_url=given), DATABASE_URL=url)


def test_general_settings_come_before_the_environment() -> None:
    found = parsed(with_general(master_key="of-file"), LITELLM_MASTER_KEY="m", MANAGED_FILES_DATA_DIR="/data")
    assert (found.master_key, found.data_dir) == ("of-file", Path("/data"))


def test_the_folder_that_a_command_names_comes_before_the_file() -> None:
    found = parsed(with_general(data_dir="/of-file"), MANAGED_FILES_DATA_DIR="/named")
    assert found.data_dir == Path("/named")


def test_the_secret_of_webhooks_may_come_from_the_environment() -> None:
    assert parsed({"model_list": [GPT]}, MANAGED_FILES_WEBHOOK_SECRET=WHSEC).webhook_secret == WHSEC
