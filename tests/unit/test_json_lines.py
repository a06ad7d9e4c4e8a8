"""Lines out of a text that arrives in pieces."""

from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.providers.batches import json_lines

TEXT = st.lists(st.sampled_from([b"{}", b"\n", b"\r\n", b" ", b'{"a": 1}', "ü\u2028".encode()]), max_size=12).map(
    b"".join
)


@settings(deadline=None)
@given(text=TEXT, step=st.integers(1, 20))
def test_any_split_gives_the_same_lines(text: bytes, step: int) -> None:
    pieces = [text[start : start + step] for start in range(0, len(text), step)]

    assert list(json_lines(pieces)) == [line for line in text.split(b"\n") if line.strip()]


def test_a_line_ends_before_the_next_piece_is_asked_for() -> None:
    pieces = iter([b'{"a":', b" 1}\n{", b"}"])
    first = next(json_lines(pieces))

    assert (first, list(pieces)) == (b'{"a": 1}', [b"}"])
