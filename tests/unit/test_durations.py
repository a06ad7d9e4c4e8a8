"""The lives of keys as texts."""

import pytest

from managed_files.errors import InvalidRequest
from managed_files.keys import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000), ("2w", 1_209_600)]
)
def test_units(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "-1s", "1", "s", "1.5h", "1y", " 1s", "1s ", "1s\n", "٣s", "1000000000s"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        seconds_of(text)
    assert refused.value.param == "duration"
