"""Claude's models and what each refuses. Wire facts: Anthropic's "Models overview" and its migration guides."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Model:
    """`max_output`: tokens. `budgets`: thinks with a budget; `adaptive`: as it sees fit; `sampled`: temperature & co.;
    `prefill`: goes on with an assistant's message; `free`: cannot be kept from thinking, nor made to call a tool."""

    max_output: int
    budgets: bool = True
    adaptive: bool = False
    sampled: bool = True
    prefill: bool = True
    free: bool = False


_ADAPTIVE_ONLY = Model(128_000, budgets=False, adaptive=True, sampled=False, prefill=False)
_BOTH = Model(128_000, adaptive=True, prefill=False)

MODELS = {
    "claude-3-haiku-20240307": Model(4_096, budgets=False),
    "claude-3-5-haiku-20241022": Model(8_192, budgets=False),
    "claude-3-7-sonnet-20250219": Model(64_000),
    "claude-opus-4-1-20250805": Model(32_000),
    "claude-haiku-4-5": Model(64_000),
    "claude-sonnet-4-5": Model(64_000),
    "claude-opus-4-5": Model(64_000),
    "claude-opus-4-6": _BOTH,
    "claude-sonnet-4-6": _BOTH,
    "claude-opus-4-8": _ADAPTIVE_ONLY,
    "claude-haiku-5-5": _ADAPTIVE_ONLY,
    "claude-sonnet-5-5": _ADAPTIVE_ONLY,
    "claude-opus-5-5": replace(_ADAPTIVE_ONLY, free=True),
}
