"""What Claude's generations differ in: room for an answer, how they think, whether they can be sampled. Pure.

Sources: Anthropic's pages on its models ("Max output") and its migration guides for Claude 4.6 and 4.7.
"""

import re

_NUMBERS = re.compile(r"(?<!\d)(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")  # 3-7, 4, 5.5; never a date
_NEWEST = (99, 0)

# The most tokens of one answer, by the generation from which on it counts.
_MAX_OUTPUT = (((4, 6), 128_000), ((3, 7), 64_000), ((3, 5), 8_192), ((0, 0), 4_096))
_MAX_OUTPUT_OF_OPUS_4 = 32_000  # 4 and 4.1


def max_output(model: str) -> int:
    """Tokens. Anthropic wants a limit with every request; its own maximum is what OpenAI means by none."""
    made = _generation(model)
    if "opus" in model and (4, 0) <= made < (4, 5):
        return _MAX_OUTPUT_OF_OPUS_4
    return next(limit for since, limit in _MAX_OUTPUT if made >= since)


def thinks_adaptively(model: str) -> bool:
    """Whether the model decides itself how much it thinks, steered by an effort; older ones get a budget of tokens."""
    return _generation(model) >= (4, 6)


def thinks_unasked(model: str) -> bool:
    """Whether the model thinks where a request says nothing about it."""
    return _generation(model) >= (5, 0)


def always_thinks(model: str) -> bool:
    """Whether thinking cannot be turned off: a 400 of Claude Fable, Mythos, and Opus from 5.5 on."""
    return "mythos" in model or "fable" in model or ("opus" in model and _generation(model) >= (5, 5))


def can_be_sampled(model: str) -> bool:
    """Whether temperature, top_p and top_k exist. From 4.7 on any value but the default is a 400."""
    return _generation(model) < (4, 7)


def _generation(model: str) -> tuple[int, int]:
    """`claude-3-7-sonnet-latest` → (3, 7), `claude-opus-4-20250514` → (4, 0).

    A Claude without a number is taken for the newest; what is no Claude (at a server that speaks Anthropic's API) for
    the oldest, of which the least is assumed.
    """
    _, claude, name = model.partition("claude")
    if not claude:
        return 0, 0
    found = _NUMBERS.search(name)
    return (int(found[1]), int(found[2] or 0)) if found else _NEWEST
