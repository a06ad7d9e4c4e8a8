"""Which providers there are. The one place that names them all."""

from collections.abc import Collection, Mapping

from managed_files.model_list import Catalog
from managed_files.providers.anthropic import Anthropic
from managed_files.providers.azure import Azure
from managed_files.providers.base import Provider
from managed_files.providers.bedrock import Bedrock
from managed_files.providers.compatible import COMPATIBLE
from managed_files.providers.gemini import Gemini
from managed_files.providers.mistral import Mistral
from managed_files.providers.openai import OpenAI
from managed_files.providers.vertex_ai import VertexAI
from managed_files.records import Account
from managed_files.upstream import Upstream

_ADAPTERS: tuple[type[Provider], ...] = (
    OpenAI,
    Azure,
    VertexAI,
    Gemini,
    Anthropic,
    Mistral,
    Bedrock,
    *COMPATIBLE,
)

PROVIDERS: Mapping[str, type[Provider]] = {adapter.name: adapter for adapter in _ADAPTERS}


def catalog_of(adapters: Collection[type[Provider]]) -> Catalog:
    """What settings need to know of them."""
    return Catalog(
        parameters={adapter.name: adapter.parameters for adapter in adapters},
        names={prefix: adapter.name for adapter in adapters for prefix in adapter.prefixes},
        default=OpenAI.name,
    )


CATALOG = catalog_of(_ADAPTERS)


def build(account: Account, upstream: Upstream) -> Provider:
    """The account's adapter: one per account and process, shared by all threads."""
    return PROVIDERS[account.provider](account, upstream)
