"""The configuration file: LiteLLM's as it is, references to the environment, and what cannot be used."""

import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.errors import ConfigError
from managed_files.providers.registry import CATALOG
from managed_files.settings import Settings, load, parse

LITELLM = """
model_list:
  - model_name: "gemini-2.0-flash"
    litellm_params: {model: vertex_ai/gemini-2.0-flash, vertex_project: my-project-id, vertex_location: us-central1}
  - model_name: "gpt-4o-mini-openai"
    litellm_params: {model: gpt-4o-mini, api_key: os.environ/OPENAI_API_KEY}
general_settings: {master_key: sk-1234, database_url: os.environ/DATABASE_URL}
"""
VARIABLES = {"OPENAI_API_KEY": "sk-openai", "DATABASE_URL": "postgresql:///files", "GCS_BUCKET_NAME": "bucket"}
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
GPT = {"model_name": "gpt", "litellm_params": {"model": "gpt-4o-mini", "api_key": "sk-literal"}}


def parsed(raw: Any, **variables: str) -> Settings:
    return parse(raw, CATALOG, variables)


def one(**litellm_params: Any) -> dict[str, Any]:
    return {"model_list": [{"model_name": "gpt", "litellm_params": {"model": "gpt-4o-mini", **litellm_params}}]}


def with_general(**general_settings: Any) -> dict[str, Any]:
    return {"model_list": [GPT], "general_settings": general_settings}


def refusal(raw: Any, **variables: str) -> str:
    with pytest.raises(ConfigError) as refused:
        parsed(raw, **variables)
    return refused.value.message


def test_a_file_written_for_litellm_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(LITELLM)
    found = load(path, CATALOG, VARIABLES)
    assert [(d.model_group, d.target, d.provider, d.model) for d in found.deployments] == [
        ("gemini-2.0-flash", "vertex_ai/gemini-2.0-flash", "vertex_ai", "gemini-2.0-flash"),
        ("gpt-4o-mini-openai", "gpt-4o-mini", "openai", "gpt-4o-mini"),
    ]


def test_general_settings_of_litellm_are_read(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(LITELLM)
    found = load(path, CATALOG, VARIABLES)
    assert (found.master_key, found.database_url) == ("sk-1234", "postgresql:///files")


@pytest.mark.parametrize(
    ("model", "alias", "name"),
    [
        ("gpt-4o", "base_url", "api_base"),
        ("vertex_ai/gemini", "vertex_ai_project", "vertex_project"),
        ("vertex_ai/gemini", "vertex_ai_location", "vertex_location"),
        ("vertex_ai/gemini", "vertex_ai_credentials", "vertex_credentials"),
    ],
)
def test_parameters_have_the_aliases_of_litellm(model: str, alias: str, name: str) -> None:
    given = {alias: "theirs"}, {alias: "theirs", name: None}, {alias: "theirs", name: "ours"}
    read = [parsed(one(model=model, **params), GCS_BUCKET_NAME="bucket") for params in given]
    assert [settings.deployments[0].params[name] for settings in read] == ["theirs", "theirs", "ours"]


def test_params_is_an_alias() -> None:
    raw = {"model_list": [{"model_name": "gpt", "params": GPT["litellm_params"]}]}
    assert parsed(raw).deployments == parsed({"model_list": [GPT]}).deployments


def test_a_reference_is_filled_wherever_it_stands() -> None:
    raw = {
        "model_list": [
            {
                "model_name": "os.environ/NAME",
                "litellm_params": {
                    "model": "os.environ/MODEL",
                    "api_key": "os.environ/KEY",
                    "extra_headers": {"X-Tenant": ["os.environ/TENANT"]},
                },
            }
        ],
        "general_settings": {"default_target_model_names": ["os.environ/NAME"]},
    }
    found = parsed(raw, NAME="gpt", MODEL="azure/gpt-4o", KEY="secret", TENANT="blue", AZURE_API_BASE="https://a.test")
    [deployment] = found.deployments
    assert (
        deployment.model_group,
        deployment.model,
        deployment.params["api_key"],
        deployment.params["extra_headers"],
        found.default_target_model_names,
    ) == ("gpt", "gpt-4o", "secret", {"X-Tenant": ["blue"]}, ("gpt",))


def test_a_missing_variable_is_named_with_its_entry() -> None:
    assert refusal(one(api_key="os.environ/NO_SUCH_KEY")) == (
        "model_list[0] (gpt).litellm_params.api_key refers to the environment variable NO_SUCH_KEY, which is not set. "
        "Set it and restart."
    )


def test_a_missing_variable_of_general_settings_is_named() -> None:
    assert refusal(with_general(database_url="os.environ/NO_SUCH_URL")) == (
        "general_settings.database_url refers to the environment variable NO_SUCH_URL, which is not set. "
        "Set it and restart."
    )


def test_a_missing_parameter_is_named_with_its_variable() -> None:
    raw = {"model_list": [{"model_name": "gemini", "litellm_params": {"model": "gemini/gemini-2.0-flash"}}]}
    assert refusal(raw) == ("model_list[0] (gemini).litellm_params.api_key is missing. Add it or set GEMINI_API_KEY.")


def test_unused_keys_are_named_in_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    raw = {
        "model_list": [GPT | {"model_info": {}, "litellm_params": GPT["litellm_params"] | {"max_budget": 1}}] * 2,
        "litellm_settings": {"callbacks": []},
        "general_settings": {"alerting": []},
        7: "x",
    }
    parsed(raw)
    assert [record.getMessage() for record in caplog.records] == [
        "configuration keys that this gateway does not use: 7, general_settings.alerting, "
        "litellm_settings.callbacks, model_list[].model_info, litellm_params.max_budget"
    ]


def test_a_file_without_unused_keys_is_read_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    parsed({"model_list": [GPT]})
    assert caplog.messages == []


def test_an_entry_of_an_unknown_provider_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    other = {"model_name": "command", "litellm_params": {"model": "cohere/command-r", "api_key": "os.environ/NONE"}}
    found = parsed({"model_list": [other, GPT]})
    assert ([d.model_group for d in found.deployments], len(caplog.records)) == (["gpt"], 1)


@pytest.mark.parametrize("name", ["gpt-*", "*", "gpt"])
def test_an_entry_for_any_model_is_left_out(name: str, caplog: pytest.LogCaptureFixture) -> None:
    any_model = {"model_name": name, "litellm_params": {"model": "openai/*"}}
    found = parsed({"model_list": [any_model, GPT]})
    assert (len(found.deployments), caplog.messages) == (
        1,
        [
            f"model_list[0] ({name}).litellm_params: openai/* is left out: only models that have an entry of their own "
            "are served"
        ],
    )


def test_a_path_at_a_server_of_ones_own_is_a_model_of_the_openai_api(caplog: pytest.LogCaptureFixture) -> None:
    [deployment] = parsed(one(model="meta-llama/Llama-3.1-8B", api_base="http://127.0.0.1:8000/v1")).deployments
    assert (deployment.provider, deployment.model, len(caplog.messages)) == ("openai", "meta-llama/Llama-3.1-8B", 1)


def test_default_targets_that_do_not_exist_are_told(caplog: pytest.LogCaptureFixture) -> None:
    parsed(with_general(default_target_model_names="gpt, gpt-4o-mini, claude"))
    assert caplog.messages == ["default_target_model_names that model_list does not have: claude"]


@pytest.mark.parametrize(
    "section", ["general_settings", "router_settings", "litellm_settings", "environment_variables"]
)
def test_a_section_may_be_empty(section: str) -> None:
    assert parsed({"model_list": [GPT], section: None}) == parsed({"model_list": [GPT]})


@pytest.mark.parametrize("names", ["gpt, gemini ,", ["gpt", "gemini"]])
def test_default_targets_are_a_text_or_a_list(names: Any) -> None:
    assert parsed(with_general(default_target_model_names=names)).default_target_model_names == ("gpt", "gemini")


@pytest.mark.parametrize("secret", ["s3cret", "whsec_s3cret", WHSEC[:-4], ""])
def test_a_secret_of_webhooks_that_is_none_is_named_and_not_shown(secret: str) -> None:
    said = refusal(with_general(webhook_secret=secret))
    assert (said.startswith("general_settings.webhook_secret (or MANAGED"), "s3cret" in said, WHSEC[6:20] in said) == (
        True,
        False,
        False,
    )


def test_hosts_of_webhooks_are_hosts_with_or_without_a_port() -> None:
    hosts = ["hooks.example.com", "127.0.0.1:8080", "[::1]:8080"]
    assert parsed(with_general(webhook_hosts=hosts)).webhook_hosts == tuple(hosts)


def test_numbers_for_texts_are_texts() -> None:
    [deployment] = parsed(one(organization=42)).deployments
    assert deployment.params["organization"] == "42"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([], "The configuration must be a mapping with the key model_list."),
        ({}, "The configuration cannot be used: model_list: Missing data for required field."),
        ({"model_list": []}, "model_list has no entry that this gateway can serve."),
        ({"model_list": [{"litellm_params": {}}]}, "model_list[0].model_name: Missing data for required field."),
        ({"model_list": [{"model_name": "gpt", "litellm_params": {}}]}, "model_list[0] (gpt).litellm_params.model"),
        (
            with_general(webhook_hosts=["https://a.test/"]),
            "general_settings.webhook_hosts[0]: Write host or host:port.",
        ),
        (with_general(webhook_hosts=["a.test", "me@b.test"]), "general_settings.webhook_hosts[1]: Write host or host:"),
        (with_general(max_file_size_mb="big"), "general_settings.max_file_size_mb: Not a valid integer."),
        ({"model_list": [GPT], "general_settings": "x"}, "general_settings: Invalid input type."),
        (one(model="openai/"), "model_list[0] (gpt).litellm_params.model is missing."),
        (one(timeout="soon"), "model_list[0] (gpt).litellm_params.timeout"),
        (one(extra_headers=["x"]), "model_list[0] (gpt).litellm_params.extra_headers has to be a mapping"),
        (one(extra_headers={"X": "s3cret\n"}), "model_list[0] (gpt).litellm_params.extra_headers.X cannot be sent"),
        (one(extra_headers={"X Y": "z"}), "model_list[0] (gpt).litellm_params.extra_headers.X Y cannot be sent"),
        (one(extra_headers={"X": "€"}), "model_list[0] (gpt).litellm_params.extra_headers.X cannot be sent"),
        (one(extra_headers={5: "z"}), "model_list[0] (gpt).litellm_params.extra_headers.5 cannot be sent"),
        (one(api_base=["x"]), "model_list[0] (gpt).litellm_params.api_base"),
    ],
)
def test_what_cannot_be_used_is_named(raw: Any, said: str) -> None:
    assert said in refusal(raw)


@pytest.mark.parametrize(
    "text", ["a: [", "a: 2001-99-99", "a: 0x_", "[" * 5000, "\0", "model_list: []\ngeneral_settings: &a {x: *a}"]
)
def test_a_file_that_is_no_configuration_is_a_config_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        load(path, CATALOG, {})


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.yaml cannot be read: No such file .*\. Name one with --config"):
        load(tmp_path / "no.yaml", CATALOG, {})


def test_no_secret_shows_in_a_repr() -> None:
    secrets = {"master_key": "s3cret", "database_url": "s3cret", "webhook_secret": WHSEC}
    raw = one(api_key="s3cret") | {"general_settings": secrets, "environment_variables": {"KEY": "s3cret"}}
    shown = repr(parsed(raw))
    assert ("s3cret" in shown, WHSEC in shown) == (False, False)


KEYS = """model_list model_name litellm_params params model general_settings environment_variables api_key api_base
    timeout vertex_credentials default_target_model_names data_dir master_key"""
names = st.sampled_from(KEYS.split())
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text(max_size=8) | st.binary(max_size=4)
)
models = st.sampled_from(["gpt-4o", "azure/gpt-4o", "vertex_ai/gemini", "cohere/x", "os.environ/HOME", "openai/", "/"])
junk = st.recursive(
    scalars | models,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | scalars, inner, max_size=4),
    max_leaves=12,
)
entries = st.fixed_dictionaries(
    {"model_name": junk, "litellm_params": st.fixed_dictionaries({"model": models}) | st.dictionaries(names, junk)}
)
files = junk | st.fixed_dictionaries(
    {"model_list": st.lists(entries | junk, max_size=2)},
    optional={"general_settings": junk, "environment_variables": junk, 7: junk},
)


@given(files)
@settings(deadline=None, max_examples=300)
def test_junk_raises_nothing_but_config_errors(raw: Any) -> None:
    try:
        found = parse(raw, CATALOG, {"HOME": "gpt", "GCS_BUCKET_NAME": "bucket", "AZURE_API_BASE": "https://a.test"})
    except ConfigError:
        return
    assert all(isinstance(deployment.account.name, str) for deployment in found.deployments)


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_is_yaml_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("junk") / "config.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(ConfigError):
        load(path, CATALOG, {})
