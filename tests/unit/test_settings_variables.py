"""`environment_variables` of the configuration file: what they are for the file itself, and for libraries."""

import os
from pathlib import Path

import pytest

from app import configured
from tests.unit.test_settings import one, parsed, refusal


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
