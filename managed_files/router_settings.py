"""`router_settings`, and what LiteLLM also takes under `litellm_settings`, as values. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

STRATEGIES = ("simple-shuffle", "least-busy", "latency-based-routing")
_OTHER_STRATEGIES = ("usage-based-routing", "usage-based-routing-v2", "cost-based-routing")  # LiteLLM's, not ours
_EVERY = "*"  # as a failed group's name: LiteLLM's fallbacks of all groups that have none of their own
Fallbacks = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class RouterSettings:
    """Retries and fallbacks. Times in seconds. Groups by the name of the group that failed."""

    routing_strategy: str = "simple-shuffle"
    num_retries: int = 2
    allowed_fails: int = 3
    cooldown_time: float = 5.0
    fallbacks: Fallbacks = field(default_factory=dict)
    context_window_fallbacks: Fallbacks = field(default_factory=dict)
    default_fallbacks: tuple[str, ...] = ()
    drop_params: bool = False

    def fallbacks_of(self, group: str, *, too_long: bool = False) -> tuple[str, ...]:
        """The groups to ask, in order, when `group` failed. `too_long`: because the prompt does not fit its model."""
        usual = _of(self.fallbacks, group, self.default_fallbacks)
        return _of(self.context_window_fallbacks, group, usual) if too_long else usual

    def named(self) -> set[str]:
        """Every group that is a fallback of another."""
        maps = (self.fallbacks, self.context_window_fallbacks)
        return {*self.default_fallbacks, *(name for each in maps for groups in each.values() for name in groups)}


def _of(fallbacks: Fallbacks, group: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    return fallbacks.get(group, fallbacks.get(_EVERY, otherwise))


class FallbackMap(fields.Field[Fallbacks]):
    """LiteLLM's list of one-key mappings, `[{"gpt-4o": ["gemini", "claude"]}]`; a plain mapping is taken as well."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Fallbacks:
        maps = [value] if isinstance(value, dict) else value
        if not isinstance(maps, list) or not all(isinstance(item, dict) for item in maps):
            raise ValidationError("Give a list like [{model: [fallback, …]}].")
        found: dict[str, tuple[str, ...]] = {}
        for name, groups in (pair for item in maps for pair in item.items()):
            if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
                raise ValidationError(f"The fallbacks of {name} have to be a list of model names.")
            found[str(name)] = tuple(groups)
        return found


class RouterSchema(Schema):
    """The keys that this gateway uses of both sections."""

    routing_strategy = fields.String(validate=validate.OneOf([*STRATEGIES, *_OTHER_STRATEGIES]))
    num_retries = fields.Integer(validate=validate.Range(0, 20))
    allowed_fails = fields.Integer(validate=validate.Range(min=0))
    cooldown_time = fields.Float(validate=validate.Range(min=0))
    fallbacks = FallbackMap()
    context_window_fallbacks = FallbackMap()
    default_fallbacks = fields.List(fields.String())
    drop_params = fields.Boolean()


def parse(sections: Mapping[str, Any]) -> RouterSettings:
    """`sections` by name; later ones win. Raises ValidationError; keys that are null or unknown count as absent."""
    values: dict[str, Any] = {}
    for name, section in sections.items():
        if not isinstance(section, Mapping):
            raise ValidationError({name: ["Not a valid mapping type."]})
        try:
            values |= RouterSchema(unknown=EXCLUDE).load({k: v for k, v in section.items() if v is not None})
        except ValidationError as error:
            raise ValidationError({name: error.messages}) from error
    if "default_fallbacks" in values:
        values["default_fallbacks"] = tuple(values["default_fallbacks"])
    return RouterSettings(**values)
