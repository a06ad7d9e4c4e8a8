"""Every dialect by the name that a provider's adapter gives."""

from collections.abc import Mapping
from types import MappingProxyType

from managed_files.dialects.base import Dialect
from managed_files.dialects.gemini import GeminiDialect
from managed_files.dialects.openai import OpenAIDialect

DIALECTS: Mapping[str, Dialect] = MappingProxyType({d.name: d for d in (OpenAIDialect(), GeminiDialect())})
