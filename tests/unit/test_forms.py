"""The upload form as clients send it, cut anywhere, and as an attacker sends it."""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from werkzeug.wsgi import LimitedStream

from managed_files.errors import GatewayError, InvalidRequest, SpoolBroken, TooLarge, UnsupportedMediaType
from managed_files.records import FormField, FormFile
from managed_files.web.filenames import clean_filename
from managed_files.web.forms import events
from managed_files.web.multipart import Readable

TYPE = "multipart/form-data; boundary=bnd"
END = b"--bnd--\r\n"
PURPOSE = b'--bnd\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'


class Pieces(io.RawIOBase):
    """A stream that returns what one read of a socket might: the pieces as they come."""

    def __init__(self, pieces: Iterable[bytes]):
        self._pieces = [piece for piece in pieces if piece]

    def read(self, size: int = -1, /) -> bytes:
        if not self._pieces:
            return b""
        piece = self._pieces.pop(0)
        if len(piece) > size:
            self._pieces.insert(0, piece[size:])
        return piece[:size]


class Broken(io.RawIOBase):
    """A stream that ends as gunicorn's do when a chunk's size is not a number."""

    def read(self, size: int = -1, /) -> bytes:
        raise RuntimeError("Invalid chunk size")


class Untouched(io.RawIOBase):
    """A stream that nobody may read."""

    def read(self, size: int = -1, /) -> bytes:
        raise AssertionError("read")


def field(name: str, value: bytes) -> bytes:
    return f'--bnd\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"


def file(data: bytes, filename: str = "a.txt", name: str = "file") -> bytes:
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"'
    return f"--bnd\r\n{disposition}\r\nContent-Type: text/plain\r\n\r\n".encode() + data + b"\r\n"


def merged(found: Iterator[FormField | FormFile | bytes]) -> list[FormField | FormFile | bytes]:
    """Neighbouring pieces as one."""
    result: list[FormField | FormFile | bytes] = []
    for event in found:
        if isinstance(event, bytes) and isinstance(result[-1], bytes):
            result[-1] += event
        else:
            result.append(event)
    return result


def parse(
    body: bytes | Readable, content_type: str | None = TYPE, length: int | None = None, limit: int | None = None
) -> list[FormField | FormFile | bytes]:
    stream = io.BytesIO(body) if isinstance(body, bytes) else body
    return merged(events(stream, content_type, length, max_file_bytes=limit))


def refusal(call: Callable[[], object]) -> tuple[type[GatewayError], str | None]:
    with pytest.raises(GatewayError) as caught:
        call()
    return caught.type, caught.value.param


def test_fields_before_and_after_the_file() -> None:
    found = parse(PURPOSE + file(b"hello") + field("n[]", "ü".encode()) + END)
    expected = [
        FormField("purpose", "user_data"),
        FormFile("a.txt", "text/plain", None),
        b"hello",
        FormField("n[]", "ü"),
    ]
    assert found == expected


@pytest.mark.parametrize("before", [b"", PURPOSE, b"preamble\r\n" + PURPOSE])
@pytest.mark.parametrize("data", [b"x", b"\r\n", b"x" * 300_000])
def test_expected_size_is_right_when_the_file_is_last(before: bytes, data: bytes) -> None:
    body = before + file(data) + END
    sizes = [event.expected_size for event in parse(body, length=len(body)) if isinstance(event, FormFile)]
    assert sizes == [len(data)]


def test_expected_size_is_too_large_when_a_field_follows() -> None:
    body = file(b"hello") + PURPOSE + END
    assert parse(body, length=len(body))[0] == FormFile("a.txt", "text/plain", 5 + len(PURPOSE))


def test_expected_size_is_unknown_for_a_length_that_cannot_be() -> None:
    assert parse(file(b"hello") + END, length=20)[0] == FormFile("a.txt", "text/plain", None)


@settings(deadline=None, max_examples=150)
@given(
    data=st.one_of(
        st.binary(min_size=1, max_size=300),
        st.text("\r\n-bnd ", min_size=1, max_size=60).map(str.encode).filter(lambda data: b"\n--bnd" not in data),
    ).filter(lambda data: b"--bnd" not in data),
    cuts=st.lists(st.integers(0, 700), max_size=12),
    padding=st.sampled_from([b"", b" ", b" \t "]),
)
def test_any_split_gives_the_same_events(data: bytes, cuts: list[int], padding: bytes) -> None:
    body = PURPOSE + file(data) + b"--bnd" + padding + PURPOSE[5:] + END
    edges = [0, *sorted(cuts), len(body)]
    pieces = [body[start:end] for start, end in pairwise(edges)]
    whole = [FormField("purpose", "user_data"), FormFile("a.txt", "text/plain", None), data]
    assert parse(Pieces(pieces)) == [*whole, FormField("purpose", "user_data")]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("data", [b"hello", b"\r" * 50, b"\n\r\n--bn\r\n", b"\r\n--bndx-\r\n--", b"-" * 40])
def test_small_pieces_change_no_byte(data: bytes, size: int) -> None:
    body = PURPOSE + file(data) + END
    pieces = Pieces(body[at : at + size] for at in range(0, len(body), size))
    assert parse(pieces)[2:] == [data]


def test_large_file_of_line_breaks_comes_in_bounded_pieces() -> None:
    body = io.BytesIO(file(b"\r\n\r" * 1_000_000) + END)
    sizes = [len(event) for event in events(body, TYPE, None, max_file_bytes=None) if isinstance(event, bytes)]
    assert (sum(sizes), max(sizes) <= 256 * 1024) == (3_000_000, True)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=50),
            st.sampled_from([b"--bnd", b"--bnd--", b"\r\n", b"\n", b"\r", PURPOSE, file(b"x"), END, b'; filename="']),
            st.text(max_size=30).map(lambda name: file(b"x", name)),
            st.text(max_size=30).map(lambda name: f"--bnd\r\nContent-Disposition: {name}\r\n\r\n".encode()),
        ),
        max_size=8,
    )
)
@example([b"--bnd\r\nContent-Disposition: form-data; name*=utf-8''%ff; filename*0*=x''%; filename*1=y\r\n\r\n"])
@example([b"--bnd\n\n"])
def test_hostile_bytes_raise_nothing_but_our_errors(pieces: list[bytes]) -> None:
    with suppress(InvalidRequest):
        parse(Pieces(pieces))


@pytest.mark.parametrize(
    "content_type",
    [None, "", "application/json", "multipart/form-data", "multipart/mixed; boundary=x", TYPE + "b" * 200],
)
def test_another_content_type_is_refused_unread(content_type: str | None) -> None:
    assert refusal(lambda: parse(Untouched(), content_type)) == (UnsupportedMediaType, None)


def test_declared_length_above_the_limit_is_refused_unread() -> None:
    assert refusal(lambda: parse(Untouched(), length=2**20 + 11, limit=10)) == (TooLarge, "file")


def test_file_may_have_as_many_bytes_as_the_limit() -> None:
    assert parse(file(b"12345") + END, limit=5)[1:] == [b"12345"]


BODY = PURPOSE + file(b"hello") + END


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (file(b"123456") + END, (TooLarge, "file")),
        (b"", (SpoolBroken, None)),
        (BODY[:-6], (SpoolBroken, None)),
        (BODY[:-20], (SpoolBroken, None)),
        (BODY[:40], (SpoolBroken, None)),
        (PURPOSE + END, (InvalidRequest, "file")),
        (END, (InvalidRequest, "file")),
        (file(b"") + END, (InvalidRequest, "file")),
        (file(b"x") * 2 + END, (InvalidRequest, "file")),
        (file(b"x", name="data") + END, (InvalidRequest, "data")),
        (field("file", b"text") + END, (InvalidRequest, "file")),
        (field("", b"text") + END, (InvalidRequest, None)),
        (b"--bnd\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + END, (InvalidRequest, None)),
        (b"--bnd\r\nContent-Type: text/plain\r\n\r\nx\r\n" + END, (InvalidRequest, None)),
        (b"--bnd\r\n" + b"a" * 300_000, (InvalidRequest, None)),
        (BODY + b"e" * 300_000, (InvalidRequest, None)),
        (field("purpose", b"\xff") + END, (InvalidRequest, "purpose")),
        (field("purpose", b"x" * 70_000) + END, (InvalidRequest, "purpose")),
        (field("x", b"") * 101 + END, (InvalidRequest, None)),
        (file(b"x", "") + END, (InvalidRequest, "file")),
    ],
    ids=str,
)
def test_bad_forms_are_refused(body: bytes, expected: tuple[type[GatewayError], str | None]) -> None:
    assert refusal(lambda: parse(body, limit=5)) == expected


def test_client_that_goes_away_breaks_the_spool() -> None:
    cut = LimitedStream(io.BytesIO(BODY[:60]), len(BODY))
    assert refusal(lambda: parse(cut)) == (SpoolBroken, None)


def test_broken_chunked_coding_breaks_the_spool() -> None:
    assert refusal(lambda: parse(Broken())) == (SpoolBroken, None)


def test_servers_own_limit_is_too_large() -> None:
    limited = LimitedStream(io.BytesIO(BODY), 20, is_max=True)
    assert refusal(lambda: parse(limited)) == (TooLarge, None)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("paper.pdf", "paper.pdf"),
        ("ünï %22q%22 100%25.txt", 'ünï "q" 100%25.txt'),
        ("文" * 255, "文" * 255),
        ("שלום.txt", "שלום.txt"),
    ],
)
def test_filename_is_kept(sent: str, kept: str) -> None:
    assert clean_filename(sent) == kept


@pytest.mark.parametrize(
    "sent",
    [
        *(
            "",
            " ",
            "..",
            "a/",
            "../../etc/passwd",
            "C:\\a.txt",
            "a\0b",
            "a%0Ab",
            "a%0db",
            "a\x85b",
            "photo\u202egpj.exe",
            "\u200fx",
            "a\u2028b",
        ),
        *("x" * 256, "😀" * 128, "x" * 10_000, "\ud800"),
    ],
    ids=ascii,
)
def test_hostile_filename_is_refused(sent: str) -> None:
    assert refusal(lambda: clean_filename(sent)) == (InvalidRequest, "file")


@settings(deadline=None)
@given(st.text())
def test_kept_filename_is_safe_in_a_path_and_a_header(sent: str) -> None:
    try:
        kept = clean_filename(sent)
    except InvalidRequest:
        return
    assert kept.isascii() or len(kept.encode()) <= 765
    assert not set(kept) & set("/\\\r\n\0")
