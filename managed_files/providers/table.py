"""The tables of providers in the documentation, out of what the adapters say of themselves.

`python -m managed_files.providers.table` prints that of README.md, with `batches` that of docs/batches.md.
"""

import sys

from managed_files.dialects.registry import DIALECTS
from managed_files.providers.base import Provider
from managed_files.providers.batches import BatchApi
from managed_files.providers.registry import PROVIDERS

_BATCHES_HEAD = ("model", "endpoints", "by the gateway", "lines of a job", "bytes of a job", "where lines wait")
_HEAD = ("model", "upload", "content back", "end of a file's life", "chat parts", "batches")


def table() -> str:
    """Markdown, a row a provider, in the registry's order."""
    rows = [_HEAD, ("---",) * len(_HEAD), *map(_row, PROVIDERS.values())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def batch_table() -> str:
    """Markdown, a row for each provider with batches of its own, in the registry's order."""
    rows = [_BATCHES_HEAD, ("---",) * len(_BATCHES_HEAD)]
    rows += [_batch_row(provider, provider.batch_api) for provider in PROVIDERS.values() if provider.batch_api]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _batch_row(provider: type[Provider], api: type[BatchApi]) -> tuple[str, ...]:
    models = ", ".join(f"`{prefix}/…`" for prefix in provider.prefixes)
    endpoints = ", ".join(f"`{endpoint}`" for endpoint in api.endpoints)
    others = ", ".join(f"`{endpoint}`" for endpoint in provider.relays if endpoint not in api.endpoints) or "–"
    kept = "at the provider" if api.holds_input else "with the gateway"
    return (models, endpoints, others, f"{api.limits.lines:,}", f"{api.limits.bytes:,}", kept)


def _row(provider: type[Provider]) -> tuple[str, ...]:
    models = ", ".join(f"`{prefix}/…`" for prefix in provider.prefixes)
    parts = ", ".join(f"`{part}`" for part in DIALECTS[provider.dialect].parts)
    stored = ("yes", provider.gives_back, provider.expiry) if provider.stores_files else ("no", "–", "–")
    return (models, *stored, parts, "the provider's" if provider.batch_api else "by the gateway")


if __name__ == "__main__":
    sys.stdout.write(batch_table() if sys.argv[1:] == ["batches"] else table())
