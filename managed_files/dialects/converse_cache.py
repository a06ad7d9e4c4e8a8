"""Cache markers: Anthropic's `cache_control`, as clients put it anywhere, to Converse's cachePoint blocks. Pure."""

from typing import Any

from managed_files.dialects.shape import to_object
from managed_files.errors import Inexpressible


def cache_point(carrier: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """Takes `cache_control` out of a part, message or tool; returns the block that has to follow, or none."""
    if carrier.get("cache_control") is None:
        return []
    control = to_object(carrier.pop("cache_control"), f"{where}.cache_control")
    if control.get("type") != "ephemeral":
        raise Inexpressible("Bedrock knows the cache type 'ephemeral' only.", param=f"{where}.cache_control")
    ttl = control.get("ttl")
    return [{"cachePoint": {"type": "default", **({"ttl": ttl} if ttl else {})}}]
