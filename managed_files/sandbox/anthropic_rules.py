"""What Messages accepts beside the messages. Wire facts: Anthropic's "Messages" and the `anthropic` package's types."""

from typing import Any

from managed_files.sandbox.answers import Json
from managed_files.sandbox.anthropic_access import NEW, Access
from managed_files.sandbox.anthropic_errors import bad, refused
from managed_files.sandbox.anthropic_models import MODELS, Model

_FIELDS: dict[str, Any] = {
    "cache_control": dict,
    "container": (str, dict),
    "context_management": dict,
    "diagnostics": dict,
    "inference_geo": str,
    "max_tokens": int,
    "mcp_servers": list,
    "messages": list,
    "metadata": dict,
    "model": str,
    "output_config": dict,
    "service_tier": str,
    "speed": str,
    "stop_sequences": list,
    "stream": bool,
    "system": (str, list),
    "temperature": (int, float),
    "thinking": dict,
    "tool_choice": dict,
    "tools": list,
    "top_k": int,
    "top_p": (int, float),
}
_BETAS = {"mcp_servers": "mcp-client-", "context_management": "context-management-"}
_SAMPLING = ("temperature", "top_p", "top_k")
_EFFORTS = ("low", "medium", "high", "xhigh", "max")


def check_fields(body: Any, access: Access) -> Model:
    """The top level of a request. Raises a 400 that names the field; a 404 for an unknown model."""
    if not isinstance(body, dict):
        raise bad("Input should be an object")
    for name, value in body.items():
        if name not in _FIELDS:
            raise bad(f"{name}: Extra inputs are not permitted")
        if not isinstance(value, _FIELDS[name]) or (isinstance(value, bool) and name != "stream"):
            raise bad(f"{name}: Input is of the wrong type")
        if name in _BETAS and not any(beta.startswith(_BETAS[name]) for beta in access.betas):
            raise bad(f"{name}: Extra inputs are not permitted")
    for name in ("model", "max_tokens", "messages"):
        if name not in body:
            raise bad(f"{name}: Field required")
    if body["model"] not in MODELS:
        raise refused(404, f"model: {body['model']}")
    model = MODELS[body["model"]]
    _check_limit(body, model)
    _check_sampling(body, model, access)
    _check_thinking(body, model)
    _check_small(body)
    return model


def _check_limit(body: Json, model: Model) -> None:
    limit = body["max_tokens"]
    if limit < 1:
        raise bad("max_tokens: Input should be greater than or equal to 1")
    if limit > model.max_output:
        raise bad(
            f"max_tokens: {limit} > {model.max_output}, which is the maximum allowed number of output tokens for "
            f"{body['model']}"
        )


def _check_sampling(body: Json, model: Model, access: Access) -> None:
    for name in _SAMPLING:
        if name in body and (access.version == NEW or not model.sampled):
            raise bad(f"`{name}` is deprecated for this model.")
    if not 0 <= body.get("temperature", 1) <= 1:
        raise bad("temperature: range: 0..1")
    if not 0 <= body.get("top_p", 1) <= 1:
        raise bad("top_p: range: 0..1")


def _check_thinking(body: Json, model: Model) -> None:
    forced = (body.get("tool_choice") or {}).get("type") in ("any", "tool")
    if model.free and forced:
        raise bad('tool_choice: type "tool" and "any" are not supported for this model.')
    thinking = body.get("thinking") or {}
    kind = thinking.get("type")
    if (kind == "enabled" and not model.budgets) or (kind == "disabled" and model.free):
        raise bad(
            f'"thinking.type.{kind}" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.'
        )
    if kind == "adaptive" and not model.adaptive:
        raise bad("adaptive thinking is not supported on this model")
    if kind not in (None, "enabled", "adaptive", "disabled", "between_tools"):
        raise bad("thinking.type: Input should be 'adaptive', 'between_tools', 'disabled' or 'enabled'")
    if kind == "enabled":
        _check_budget(body, thinking.get("budget_tokens"))


def _check_budget(body: Json, budget: Any) -> None:
    if not isinstance(budget, int) or budget < 1024:
        raise bad("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if budget >= body["max_tokens"]:
        raise bad("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if body.get("temperature", 1) != 1:
        raise bad("`temperature` may only be set to 1 when thinking is enabled.")
    if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
        raise bad("Thinking may not be enabled when tool_choice forces tool use.")


def _check_small(body: Json) -> None:
    if body.get("service_tier", "auto") not in ("auto", "standard_only"):
        raise bad("service_tier: Input should be 'auto' or 'standard_only'")
    for extra in (body.get("metadata") or {}).keys() - {"user_id"}:
        raise bad(f"metadata.{extra}: Extra inputs are not permitted")
    for number, word in enumerate(body.get("stop_sequences") or ()):
        if not isinstance(word, str) or not word.strip():
            raise bad(f"stop_sequences.{number}: each stop sequence must contain non-whitespace")
    config = body.get("output_config") or {}
    for extra in config.keys() - {"effort", "format"}:
        raise bad(f"output_config.{extra}: Extra inputs are not permitted")
    if config.get("effort", "high") not in _EFFORTS:
        raise bad(f"output_config.effort: Input should be one of {_EFFORTS}")
    if "format" in config:
        _check_format(config["format"])


def _check_format(wanted: Any) -> None:
    if not isinstance(wanted, dict) or wanted.keys() != {"type", "schema"} or wanted["type"] != "json_schema":
        raise bad("output_config.format: Input should be {'type': 'json_schema', 'schema': …}")
    _check_closed(wanted["schema"])


def _check_closed(schema: Any) -> None:
    """Structured output wants every object closed."""
    if isinstance(schema, list):
        for item in schema:
            _check_closed(item)
    if isinstance(schema, dict):
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            raise bad("output_config.format.schema: For 'object' type, 'additionalProperties' must be set to false")
        for item in schema.values():
            _check_closed(item)
