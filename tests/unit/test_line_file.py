"""Lines in a temporary file: what its readers see."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.providers.line_file import LineFile


@settings(deadline=None)
@given(lines=st.lists(st.binary(max_size=30), max_size=9), offset=st.integers(0, 50), step=st.integers(1, 40))
def test_every_reader_has_a_place_of_its_own(lines: list[bytes], offset: int, step: int) -> None:
    whole = b"".join(line + b"\n" for line in lines)
    with LineFile(iter(lines)) as file:
        another = file.open()
        another.read(5)
        reader = file.open(min(offset, len(whole)))
        announced = reader.available(10**6)
        read = b"".join(iter(lambda: reader.read(step), b""))

        assert (file.size(), file.wait(), announced, read) == (len(whole), len(whole), len(read), whole[offset:])


def test_it_ends_with_its_use() -> None:
    with LineFile([b"x"]) as file:
        pass

    with pytest.raises(ValueError, match="closed"):
        file.open()
