"""Every dialect by the name that a provider's adapter gives."""

from collections.abc import Mapping
from types import MappingProxyType

from managed_files.dialects.anthropic import AnthropicDialect
from managed_files.dialects.base import Dialect
from managed_files.dialects.compatible import COMPATIBLE
from managed_files.dialects.converse import ConverseDialect
from managed_files.dialects.gemini import GeminiAPIDialect, GeminiDialect
from managed_files.dialects.mistral import MistralDialect
from managed_files.dialects.openai import OpenAIDialect, OpenAIItself

_ALL: tuple[Dialect, ...] = (
    OpenAIDialect(),
    OpenAIItself(),
    *COMPATIBLE,
    GeminiDialect(),
    GeminiAPIDialect(),
    MistralDialect(),
    ConverseDialect(),
    AnthropicDialect(),
)

DIALECTS: Mapping[str, Dialect] = MappingProxyType({dialect.name: dialect for dialect in _ALL})
