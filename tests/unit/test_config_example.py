"""config.example.yaml: it loads, and it explains every key that there is."""

import dataclasses
import re
from pathlib import Path

import pytest

from managed_files.providers.registry import CATALOG
from managed_files.router_settings import RouterSchema, RouterSettings
from managed_files.settings import ConfigSchema, EntrySchema, GeneralSchema, Settings, load

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
KEYS = (
    "OPENAI_API_KEY",
    "AZURE_API_KEY",
    "AZURE_AD_TOKEN",
    "GEMINI_API_KEY",
    "ANTHROPIC_API_KEY",
    "MISTRAL_API_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "S3_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_EXTERNAL_ID",
    "AWS_BEARER_TOKEN_BEDROCK",
    "LITELLM_PROXY_API_KEY",
)
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VARIABLES = dict.fromkeys((*KEYS, "MANAGED_FILES_MASTER_KEY"), "x") | {"MANAGED_FILES_WEBHOOK_SECRET": WHSEC}
SCHEMAS = (ConfigSchema(), EntrySchema(), GeneralSchema(), RouterSchema())
PARAMETERS = [parameter for parameters in CATALOG.parameters.values() for parameter in parameters]


@pytest.fixture
def everything(tmp_path: Path) -> Path:
    """The example with every key in use that it only mentions."""
    path = tmp_path / "config.yaml"
    path.write_text(re.sub(r"^( *)# (?=\w+: )(?!Default: )", r"\1", TEXT, flags=re.MULTILINE), encoding="utf-8")
    return path


def test_it_loads_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    groups = [deployment.model_group for deployment in load(EXAMPLE, CATALOG, VARIABLES).deployments]
    shown = [
        "gpt-4o-mini-openai",
        "gpt-4o-azure",
        "gemini-2.0-flash",
        "gemini-2.5-flash",
        "claude-sonnet",
        "mistral-small",
        "nova-lite",
        "gpt-4o-elsewhere",
    ]
    assert (groups, caplog.messages) == (shown, [])


def test_every_key_loads_without_a_warning(everything: Path, caplog: pytest.LogCaptureFixture) -> None:
    load(everything, CATALOG, VARIABLES)
    assert caplog.messages == []


def changed(told: Settings | RouterSettings, true: Settings | RouterSettings) -> set[str]:
    """The names of the fields in which the two differ."""
    return {item.name for item in dataclasses.fields(told) if getattr(told, item.name) != getattr(true, item.name)}


def test_the_defaults_it_tells_are_true(everything: Path) -> None:
    told, true = load(everything, CATALOG, VARIABLES), Settings()
    assert (changed(told, true), changed(told.router, true.router)) == (
        {
            *("deployments", "master_key", "database_url", "default_target_model_names", "router"),
            *("webhook_hosts", "webhook_secret", "variables"),
        },
        {"fallbacks", "context_window_fallbacks", "default_fallbacks"},
    )


@pytest.mark.parametrize("key", sorted({key for schema in SCHEMAS for key in schema.fields}))
def test_every_key_of_the_schemas_is_there(key: str) -> None:
    assert re.search(rf"\b{key}:", TEXT)


@pytest.mark.parametrize("name", sorted({parameter.name for parameter in PARAMETERS}))
def test_every_parameter_of_a_provider_is_there(name: str) -> None:
    assert re.search(rf"\b{name}:", TEXT)


@pytest.mark.parametrize("variable", sorted({variable for parameter in PARAMETERS for variable in parameter.env}))
def test_every_variable_that_fills_a_parameter_is_named(variable: str) -> None:
    assert variable in TEXT
