"""Lines of a batch's input, one by one."""

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from managed_files.batch_lines import Findings, Line, LineChecker, dumped
from managed_files.batch_records import CHAT
from managed_files.errors import InvalidRequest

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)

FIELDS = st.text().filter(lambda key: key not in ("model", "messages", "stream"))


def checker(most: int = 100) -> LineChecker:
    return LineChecker(Findings(), most)


def request(custom_id: Any = "a", **body: Any) -> dict[str, Any]:
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": {"model": "m", "messages": [], **body}}


@settings(deadline=None)
@given(
    st.dictionaries(st.text().filter(lambda key: key not in ("model", "messages", "stream")), ANY_JSON, max_size=4),
    st.text(min_size=1, max_size=512),
)
def test_any_good_line_is_read_as_it_is(body: dict[str, Any], custom_id: str) -> None:
    item = request(custom_id, **body)
    assert checker().check(json.dumps(item).encode()) == Line(1, custom_id, CHAT, item["body"])


@settings(deadline=None)
@given(st.binary(max_size=200) | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_a_finding_and_never_an_error(raw: bytes) -> None:
    findings = Findings()
    assert LineChecker(findings, 100).check(raw) is None
    if raw.strip():
        with pytest.raises(InvalidRequest, match="line 1: "):
            findings.check()


def test_blank_lines_count_in_numbers_and_not_as_lines() -> None:
    lines = checker()
    found = [lines.check(raw) for raw in (b"", b"  ", json.dumps(request()).encode())]
    assert (found, lines.count) == ([None, None, Line(3, "a", CHAT, request()["body"])], 1)


def test_one_line_too_many_ends_the_reading() -> None:
    lines = checker(most=1)
    lines.check(json.dumps(request("a")).encode())
    with pytest.raises(InvalidRequest, match="more than 1 lines"):
        lines.check(json.dumps(request("b")).encode())


@settings(deadline=None)
@given(ANY_JSON)
@example("one\x85two\u2028three\u2029four\x0bfive")
def test_a_written_line_is_one_line_that_says_the_same(value: Any) -> None:
    lines = dumped({"value": value}).decode().splitlines()
    assert [json.loads(line) for line in lines] == [{"value": value}]


def test_text_is_written_as_it_came() -> None:
    assert dumped({"größe": "日本"}) == '{"größe":"日本"}'.encode()


def test_half_a_surrogate_pair_is_escaped() -> None:
    assert json.loads(dumped({"odd": "\ud800"})) == {"odd": "\ud800"}
