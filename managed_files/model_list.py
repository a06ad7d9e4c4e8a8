"""`model_list` entries to deployments and accounts. Knows parameters as data, no provider by name."""

import hashlib
import json
import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from managed_files.errors import ConfigError
from managed_files.records import Account, Deployment, Parameter

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")  # what HTTP can carry
log = logging.getLogger(__name__)

REFERENCE = "os.environ/"
_NUMBERS = ("timeout", "stream_timeout", "weight", "rpm", "tpm", "max_connections")
_COMMON = ("model", "account", "extra_headers", "drop_params", *_NUMBERS)  # every provider's entries may have them


@dataclass(frozen=True, slots=True)
class Catalog:
    """What the providers told about themselves: their parameters, by the prefix that stands before the model's name."""

    parameters: Mapping[str, Sequence[Parameter]]
    names: Mapping[str, str]  # prefix → provider
    default: str = "openai"


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment that `os.environ/NAME` texts refer to."""

    variables: Mapping[str, str] = field(repr=False)

    def filled(self, value: Any, where: str) -> Any:
        """The value with every reference in it replaced. Raises ConfigError naming variable and place."""
        if isinstance(value, dict):
            return {key: self.filled(inner, f"{where}.{key}") for key, inner in value.items()}
        if isinstance(value, list):
            return [self.filled(inner, f"{where}[{index}]") for index, inner in enumerate(value)]
        if isinstance(value, str) and value.startswith(REFERENCE):
            return self._variable(value.removeprefix(REFERENCE), where)
        return value

    def _variable(self, name: str, where: str) -> str:
        if not self.variables.get(name):
            raise ConfigError(
                f"{where} refers to the environment variable {name}, which is not set. Set it and restart."
            )
        return self.variables[name]


def deployments_of(
    entries: Sequence[Mapping[str, Any]], catalog: Catalog, environment: Environment
) -> tuple[tuple[Deployment, ...], list[str]]:
    """The deployments, in the file's order, and the names of parameters that nobody reads."""
    deployments, unused = [], []
    for index, entry in enumerate(entries):
        name = environment.filled(entry["model_name"], f"model_list[{index}].model_name")
        where = f"model_list[{index}] ({name}).litellm_params"
        deployment = _deployment(name, entry["litellm_params"], where, catalog, environment)
        if deployment is not None:
            deployments.append(deployment)
            known = _known(catalog.parameters[deployment.provider])
            unused += [f"litellm_params.{key}" for key in entry["litellm_params"] if key not in known]
    if not deployments:
        raise ConfigError(
            "model_list has no entry that this gateway can serve. Add one with model_name and litellm_params."
        )
    return tuple(deployments), unused


def _deployment(
    name: str, raw: Mapping[str, Any], where: str, catalog: Catalog, environment: Environment
) -> Deployment | None:
    target = environment.filled(raw.get("model"), f"{where}.model")
    if not isinstance(target, str) or not target.rpartition("/")[2]:
        raise ConfigError(
            f"{where}.model is missing. Give it as provider/model, for example vertex_ai/gemini-2.0-flash."
        )
    provider, model = _provider_of(target, raw, catalog)
    if "*" in name + target:
        log.warning("%s: %s is left out: only models that have an entry of their own are served", where, target)
        return None
    if provider is None:
        log.warning("%s: %s is left out: no provider of this gateway serves it", where, target)
        return None
    if "/" in target and model == target:
        log.warning("%s: %s is taken for a model of an OpenAI-compatible server: openai/%s", where, target, target)
    if not isinstance(raw.get("extra_headers") or {}, dict):
        raise ConfigError(f"{where}.extra_headers has to be a mapping of names to values.")
    if not isinstance(raw.get("drop_params") or False, bool):
        raise ConfigError(f"{where}.drop_params has to be true or false.")
    parameters = catalog.parameters[provider]
    used = {key: value for key, value in raw.items() if key in _known(parameters)}
    params = _with_defaults(environment.filled(used, where), parameters, environment, where)
    for header, value in (params.get("extra_headers") or {}).items():
        if not isinstance(header, str) or not _HEADER.fullmatch(f"{header}:{value}"):
            raise ConfigError(f"{where}.extra_headers.{header} cannot be sent as a header.")
    account = Account(_account_name(provider, params, raw, parameters), provider, params)
    return Deployment(name, target, model, account, params)


def _known(parameters: Sequence[Parameter]) -> set[str]:
    return {*_COMMON, *(parameter.name for parameter in parameters)}


def _provider_of(target: str, raw: Mapping[str, Any], catalog: Catalog) -> tuple[str | None, str]:
    """`vertex_ai/gemini` → its provider; a bare name, or a path at a server of one's own, is OpenAI's API."""
    prefix, slash, model = target.partition("/")
    if slash and prefix in catalog.names:
        return catalog.names[prefix], model
    if not slash or raw.get("api_base"):
        return catalog.default, target
    return None, target


def _with_defaults(
    params: dict[str, Any], parameters: Sequence[Parameter], environment: Environment, where: str
) -> dict[str, Any]:
    for key in _NUMBERS:
        params[key] = _number(params.get(key), f"{where}.{key}")
    for parameter in parameters:
        params[parameter.name] = _text(params.get(parameter.name), parameter, f"{where}.{parameter.name}")
        if params[parameter.name] is None:
            found = [environment.variables[name] for name in parameter.env if environment.variables.get(name)]
            params[parameter.name] = found[0].strip() if found else parameter.default
        if parameter.required and params[parameter.name] is None:
            remedy = f" or set {parameter.env[0]}" if parameter.env else ""
            raise ConfigError(f"{where}.{parameter.name} is missing. Add it{remedy}.")
    return params


def _number(value: Any, where: str) -> float | None:
    try:
        number = None if value is None else float(value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where} is not a number.") from error
    if number is not None and not 0 < number < math.inf:
        raise ConfigError(f"{where} has to be a number above 0.")
    return number


def _text(value: Any, parameter: Parameter, where: str) -> Any:
    """YAML reads 2024 as a number and 2024-10-21 as a date. Only a credential may be a mapping.

    What comes from a file often ends in a line break, with which no header could be sent.
    """
    if isinstance(value, str):
        return value.strip()
    if value is None or (parameter.secret and isinstance(value, dict)):
        return value
    if isinstance(value, int | float | date):
        return str(value)
    raise ConfigError(f"{where} has to be a text.")


def _account_name(
    provider: str, params: Mapping[str, Any], raw: Mapping[str, Any], parameters: Sequence[Parameter]
) -> str:
    """Survives restarts and key rotation: `account:` as given, else built from what tells accounts apart.

    A credential counts by its reference (`os.environ/NAME`, or the variable it is read from), and a literal one by a
    short digest, so that no secret is in the name.
    """
    if params.get("account"):
        return f"{provider}:{params['account']}"
    marks = [_mark(parameter, params, raw) for parameter in parameters if parameter.identity]
    return ":".join([provider, *(mark for mark in marks if mark)])


def _mark(parameter: Parameter, params: Mapping[str, Any], raw: Mapping[str, Any]) -> str:
    value, text = params.get(parameter.name), raw.get(parameter.name)
    if value is None:
        return ""
    if not parameter.secret:
        return str(value)
    if isinstance(text, str) and text.startswith(REFERENCE):
        return text
    if text is None:
        return REFERENCE + parameter.env[0]
    literal = text if isinstance(text, str) else json.dumps(text, sort_keys=True)
    return "sha256-" + hashlib.sha256(literal.encode()).hexdigest()[:12]
