"""JSON as the standard has it: what is read can be written again."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.strict_json import decoded

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
@settings(deadline=None)
def test_what_json_can_say_is_read(value: object) -> None:
    assert decoded(json.dumps(value).encode()) == value


NONE = ["NaN", "[Infinity]", '{"a": -Infinity}', "1e999", "[-1e400]", "1" * 5000, "", "{", "\xe9"]


@pytest.mark.parametrize("text", NONE)
def test_what_json_cannot_say_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decoded(text.encode("latin-1"))


def test_a_byte_order_mark_is_passed_over() -> None:
    assert decoded(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
