"""The table of providers in README.md, out of what the adapters say of themselves.

`python -m managed_files.providers.table` prints it.
"""

import sys

from managed_files.dialects.registry import DIALECTS
from managed_files.providers.base import Provider
from managed_files.providers.registry import PROVIDERS

_HEAD = ("model", "upload", "content back", "end of a file's life", "chat parts", "batches")


def table() -> str:
    """Markdown, a row a provider, in the registry's order."""
    rows = [_HEAD, ("---",) * len(_HEAD), *map(_row, PROVIDERS.values())]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(provider: type[Provider]) -> tuple[str, ...]:
    models = ", ".join(f"`{prefix}/…`" for prefix in provider.prefixes)
    parts = ", ".join(f"`{part}`" for part in DIALECTS[provider.dialect].parts)
    stored = ("yes", provider.gives_back, provider.expiry) if provider.stores_files else ("no", "–", "–")
    return (models, *stored, parts, "the provider's" if provider.runs_batches else "by the gateway")


if __name__ == "__main__":
    sys.stdout.write(table())
