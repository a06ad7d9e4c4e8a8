"""OpenAI's dialect as servers speak it that took most of it over. Knows each one's differences, as data.

Only requests differ: answers are OpenAI's own and are relayed byte for byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from managed_files.dialects.openai import OpenAIDialect
from managed_files.errors import Inexpressible, InvalidRequest

Json = dict[str, Any]

_TO_SYSTEM = {"developer": "system"}


@dataclass(frozen=True, slots=True)
class Quirks:
    """What a server wants said otherwise than OpenAI.

    `renamed`: fields; `roles`: of messages; `refused`: fields that it answers with an error; `home`: stands before the
    name of a model that is not a path.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=lambda: _TO_SYSTEM)
    refused: tuple[str, ...] = ()
    home: str = ""


class CompatibleDialect(OpenAIDialect):
    """One server's variety, named after its provider."""

    def __init__(self, name: str, quirks: Quirks):
        self.name = name
        self._quirks = quirks

    def request(self, body: Json, model: str) -> Json:
        """The body with fields and roles as this server calls them. Raises Inexpressible for a field it refuses."""
        for name in self._quirks.refused:
            if body.get(name):
                raise Inexpressible(f"{self.name} does not support '{name}'; leave it out for this model.", param=name)
        fields = {name: value for name, value in body.items() if name not in self._quirks.refused}
        home = "" if "/" in model else self._quirks.home
        return {**self._renamed(fields), "messages": self._messages(body["messages"]), "model": home + model}

    def _renamed(self, fields: Json) -> Json:
        """Nothing is renamed onto a field that says something else."""
        for ours, theirs in self._quirks.renamed.items():
            value = fields.pop(ours, None)
            if value is None:
                continue
            if fields.get(theirs) not in (None, value):
                raise InvalidRequest(f"'{ours}' and '{theirs}' differ; send one.", param=ours)
            fields[theirs] = value
        return fields

    def _messages(self, messages: Any) -> Any:
        roles = self._quirks.roles
        return [
            {**message, "role": roles[message["role"]]} if str(message.get("role")) in roles else message
            for message in messages
        ]


_OLD_LIMIT = {"max_completion_tokens": "max_tokens"}  # the only name that older servers know

# Sources: Groq's page on OpenAI compatibility (fields that get a 400); xAI's, Together's and Fireworks' API references;
# vLLM's chat templates, most of which raise an error on the role `developer`.
_VARIETIES = {
    "groq": Quirks(refused=("logprobs", "top_logprobs", "logit_bias")),
    "xai": Quirks(refused=("logit_bias",)),
    # Together's `logprobs` is a number, and its answer's are of another shape
    "together_ai": Quirks(renamed=_OLD_LIMIT, refused=("logprobs", "top_logprobs")),
    "fireworks_ai": Quirks(home="accounts/fireworks/models/"),
    "hosted_vllm": Quirks(renamed=_OLD_LIMIT),
    "openai_like": Quirks(renamed=_OLD_LIMIT),
}

COMPATIBLE = tuple(CompatibleDialect(name, quirks) for name, quirks in _VARIETIES.items())
