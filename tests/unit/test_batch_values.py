"""Words of the command line `batches`."""

from typing import Any

import pytest

from managed_files.batch_cli import values


@pytest.mark.parametrize(
    ("word", "value"),
    [("0", 0), ('{"a": [null]}', {"a": [None]}), ("low", "low"), ("NaN", "NaN"), ("1e999", "1e999"), ("a=b", "a=b")],
)
def test_a_setting_is_json_or_else_a_text(word: str, value: Any) -> None:
    assert values.setting(f"x={word}") == ("x", value)
