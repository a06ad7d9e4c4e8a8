"""The configuration file as values: read, checked, environment filled in. Knows no provider by name."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate
from marshmallow.exceptions import SCHEMA

from managed_files.errors import ConfigError
from managed_files.model_list import REFERENCE, Catalog, Environment, deployments_of
from managed_files.records import Account, Deployment
from managed_files.router_settings import STRATEGIES, RouterSchema, RouterSettings
from managed_files.router_settings import parse as parse_router
from managed_files.webhook_signature import key_of

log = logging.getLogger(__name__)

_HOST = validate.Regexp(r"(\[[0-9a-fA-F:.]+\]|[^\s/@:\[\]]+)(:\d+)?\Z", error="Write host or host:port.")
_ROUTER_SECTIONS = ("litellm_settings", "router_settings")  # the second wins


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that an operator can set. Sizes in MiB, times in seconds."""

    deployments: tuple[Deployment, ...] = ()
    master_key: str | None = field(default=None, repr=False)
    database_url: str | None = field(default=None, repr=False)
    data_dir: Path = Path(".managed-files")
    default_target_model_names: tuple[str, ...] = ()
    allow_provider_file_ids: bool = False
    max_file_size_mb: int = 512
    max_request_size_mb: int = 128
    processing_timeout: float = 30.0
    reconcile_interval: float = 5.0
    max_batch_lines: int = 50_000
    batch_concurrency: int = 8
    batch_interval: float = 1.0
    batch_poll_interval: float = 2.0
    max_batch_file_size_mb: int = 200
    webhook_hosts: tuple[str, ...] = ()
    webhook_secret: str | None = field(default=None, repr=False)
    database_connections: int = 8
    router: RouterSettings = field(default_factory=RouterSettings)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def accounts(self) -> dict[str, Account]:
        """Every account by name, with the parameters of the first entry that uses it."""
        return {deployment.account.name: deployment.account for deployment in reversed(self.deployments)}


class GeneralSchema(Schema):
    """`general_settings`: LiteLLM's names where it has one."""

    master_key = fields.String(allow_none=True)
    database_url = fields.String(allow_none=True)
    data_dir = fields.String()
    default_target_model_names = fields.List(fields.String())
    allow_provider_file_ids = fields.Boolean()
    max_file_size_mb = fields.Integer(validate=validate.Range(min=1))
    max_request_size_mb = fields.Integer(validate=validate.Range(min=1))
    processing_timeout = fields.Float(validate=validate.Range(min=0))
    reconcile_interval = fields.Float(validate=validate.Range(min=0.05))
    batch_concurrency = fields.Integer(validate=validate.Range(min=1))
    batch_interval = fields.Float(validate=validate.Range(min=0.05))
    batch_poll_interval = fields.Float(validate=validate.Range(min=0.05))
    max_batch_lines = fields.Integer(validate=validate.Range(min=1))
    max_batch_file_size_mb = fields.Integer(validate=validate.Range(min=1))
    webhook_hosts = fields.List(fields.String(validate=_HOST))
    webhook_secret = fields.String(allow_none=True)
    database_connections = fields.Integer(validate=validate.Range(min=2))

    @pre_load
    def split_names(self, data: Any, **_: Any) -> Any:
        """`default_target_model_names` may be one text with commas, as in a request."""
        names = data.get("default_target_model_names") if isinstance(data, dict) else None
        if not isinstance(names, str):
            return data
        return data | {"default_target_model_names": [name.strip() for name in names.split(",") if name.strip()]}


_ALIASES = {
    "base_url": "api_base",
    "vertex_ai_credentials": "vertex_credentials",
    "vertex_ai_location": "vertex_location",
    "vertex_ai_project": "vertex_project",
}


class EntrySchema(Schema):
    """One entry of `model_list`; `params` is an alias of `litellm_params`, and parameters have LiteLLM's aliases."""

    model_name = fields.String(required=True, validate=validate.Length(min=1))
    litellm_params = fields.Dict(keys=fields.String(), required=True)

    @pre_load
    def alias(self, data: Any, **_: Any) -> Any:
        """Renames; where both names stand, the usual one counts."""
        entry = _renamed(data, {"params": "litellm_params"})
        if isinstance(entry, dict) and "litellm_params" in entry:
            return entry | {"litellm_params": _renamed(entry["litellm_params"], _ALIASES)}
        return entry


def _renamed(data: Any, aliases: Mapping[str, str]) -> Any:
    if not isinstance(data, dict):
        return data
    usual = {key: value for key, value in data.items() if key not in aliases}
    others = {name: data[alias] for alias, name in aliases.items() if alias in data and usual.get(name) is None}
    return usual | others


class ConfigSchema(Schema):
    """The file's top level."""

    model_list = fields.List(fields.Nested(EntrySchema, unknown=EXCLUDE), required=True)
    general_settings = fields.Nested(GeneralSchema, unknown=EXCLUDE)
    environment_variables = fields.Dict(keys=fields.String(), allow_none=True)


def load(path: Path, catalog: Catalog, environ: Mapping[str, str] = os.environ) -> Settings:
    """Reads a YAML file written for this gateway or for LiteLLM. Raises ConfigError naming the entry and the remedy."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        remedy = "Name one with --config or MANAGED_FILES_CONFIG; config.example.yaml is there to copy."
        raise ConfigError(f"The configuration file {path} cannot be read: {error.strerror}. {remedy}") from error
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as error:  # ValueError: not UTF-8, a date or number that is none
        raise ConfigError(f"The configuration file {path} is not valid YAML: {error}") from error
    try:
        return parse(raw, catalog, environ)
    except RecursionError as error:
        raise ConfigError(f"The configuration file {path} is nested too deeply, or contains itself.") from error


def parse(raw: Any, catalog: Catalog, environ: Mapping[str, str] = os.environ) -> Settings:
    """A configuration as plain values to Settings. Unused keys are named in one warning."""
    if not isinstance(raw, dict):
        raise ConfigError("The configuration must be a mapping with the key model_list.")
    variables = _variables(raw.get("environment_variables"), environ)
    environment = Environment({**environ, **variables})
    used = _used(
        raw.get("general_settings"), GeneralSchema
    )  # what we do not use may refer to variables that are not set
    general = environment.filled(used, "general_settings")
    sections = {name: environment.filled(_used(raw.get(name), RouterSchema), name) for name in _ROUTER_SECTIONS}
    try:
        router = parse_router(sections)
        config = ConfigSchema(unknown=EXCLUDE).load(raw | {"general_settings": general})
    except ValidationError as error:
        raise ConfigError(f"The configuration cannot be used: {_explained(error.messages)}") from error
    deployments, unused = deployments_of(config["model_list"], catalog, environment)
    _warn_unused(_unused_keys(raw) + unused)
    values = _general(config["general_settings"], environment.variables)
    _warn_of_names(router, values.get("default_target_model_names", ()), deployments)
    return Settings(deployments=deployments, router=router, variables=variables, **values)


def _general(given: dict[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """LiteLLM's and twelve-factor variables stand in for what the file leaves out.

    The folder's goes before the file, for it is also what `--data-dir` sets.
    """
    values = {key: value for key, value in given.items() if value is not None}
    if environ.get("MANAGED_FILES_DATA_DIR"):
        values.pop("data_dir", None)
    for key, variables in {
        "master_key": ("MANAGED_FILES_MASTER_KEY", "LITELLM_MASTER_KEY"),
        "database_url": ("DATABASE_URL",),
        "data_dir": ("MANAGED_FILES_DATA_DIR",),
        "webhook_secret": ("MANAGED_FILES_WEBHOOK_SECRET",),
    }.items():
        found = next((environ[name] for name in variables if environ.get(name)), None)
        if key not in values and found is not None:
            values[key] = found
    values = {key: value.strip() if isinstance(value, str) else value for key, value in values.items()}
    for key in {"default_target_model_names", "webhook_hosts"} & values.keys():
        values[key] = tuple(values[key])
    if values.get("database_url") == "":  # the embedded server never stands in for one that was meant
        raise ConfigError(
            "general_settings.database_url (or DATABASE_URL) is blank. Give it an address, or leave it out for the "
            "embedded database."
        )
    if "webhook_secret" in values:
        _check_secret(values["webhook_secret"])
    if "data_dir" in values:
        values["data_dir"] = Path(values["data_dir"])
    return values


def _check_secret(secret: str) -> None:
    try:
        key_of(secret)
    except ValueError as error:
        raise ConfigError(
            f"general_settings.webhook_secret (or MANAGED_FILES_WEBHOOK_SECRET) cannot be used: {error}. "
            "It has to be whsec_ and base64 of 24 to 64 random bytes."
        ) from error


def _used(section: Any, schema: type[Schema]) -> Any:
    if not isinstance(section, dict):
        return section or {}
    return {key: value for key, value in section.items() if key in schema().fields}


def _variables(given: Any, environ: Mapping[str, str]) -> dict[str, str]:
    """`environment_variables` as texts. What is null, or refers to what is not set, is not set either."""
    if not isinstance(given, dict):
        return {}
    texts = {str(name): str(value) for name, value in given.items() if value is not None}
    filled = {
        name: environ.get(text.removeprefix(REFERENCE)) for name, text in texts.items() if text.startswith(REFERENCE)
    }
    return {name: value for name, value in (texts | filled).items() if value is not None}


def _unused_keys(raw: dict[str, Any]) -> list[str]:
    unused = [key for key in raw if key not in ConfigSchema().fields and key not in _ROUTER_SECTIONS]
    for name, schema in {"general_settings": GeneralSchema, **dict.fromkeys(_ROUTER_SECTIONS, RouterSchema)}.items():
        unused += [f"{name}.{key}" for key in raw.get(name) or {} if key not in schema().fields]
    for entry in raw.get("model_list") or []:
        unused += [f"model_list[].{key}" for key in entry if key not in EntrySchema().fields and key != "params"]
    return unused


def _warn_unused(keys: list[str]) -> None:
    if keys:
        log.warning("configuration keys that this gateway does not use: %s", ", ".join(dict.fromkeys(map(str, keys))))


def _warn_of_names(router: RouterSettings, targets: Sequence[str], deployments: Sequence[Deployment]) -> None:
    groups = {deployment.model_group for deployment in deployments}
    if router.routing_strategy not in STRATEGIES:
        log.warning("routing_strategy: %s is not known here, requests are drawn by weight", router.routing_strategy)
    if missing := sorted(router.named() - groups):
        log.warning("fallbacks to models that model_list does not have are passed over: %s", ", ".join(missing))
    if missing := sorted(set(targets) - groups - {deployment.target for deployment in deployments}):
        log.warning("default_target_model_names that model_list does not have: %s", ", ".join(missing))


def _explained(messages: Any, path: str = "") -> str:
    """marshmallow's nested messages as `model_list[0].model_name: Missing data …`."""
    if isinstance(messages, dict):
        return "; ".join(_explained(inner, _place(path, key)) for key, inner in messages.items())
    return f"{path}: {' '.join(str(message) for message in messages)}"


def _place(path: str, key: Any) -> str:
    if key == SCHEMA:  # what marshmallow says of the whole mapping
        return path
    return f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}".lstrip(".")
