"""How long a test of a property runs: shortly in the suite, at length in `make soak`."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def lengths(short: tuple[Any, ...], long: tuple[Any, ...]) -> list[Any]:
    """Two rows of parameters: the suite takes the first, `make soak` both."""
    return [pytest.param(*short, id="short"), pytest.param(*long, id="long", marks=pytest.mark.soak)]


EXAMPLES = lengths((100,), (5000,))


def for_any(strategy: st.SearchStrategy[Any], examples: int, holds: Callable[[Any], bool]) -> None:
    """Fails, showing the least example, unless the property holds for that many values of the strategy."""

    @settings(deadline=None, max_examples=examples)
    @given(strategy)
    def check(value: Any) -> None:
        assert holds(value)

    check()
