"""A file's type from what is known of it, in that order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.mime import detect

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
OCTETS = "application/octet-stream"


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("image/png", "image/png"),
        ("Text/CSV; charset=utf-8", "text/csv"),
        ("image/svg+xml", "image/svg+xml"),
        (None, "application/pdf"),
        ("", "application/pdf"),
        (OCTETS, "application/pdf"),
        ("Application/Octet-Stream ; x=y", "application/pdf"),
        ("pdf", "application/pdf"),
        ("text/\r\nX-Evil: 1", "application/pdf"),
    ],
)
def test_declared_type_counts_if_it_says_something(declared: str | None, expected: str) -> None:
    assert detect(declared, "a.pdf", b"") == expected


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("requests.jsonl", "application/jsonl"),
        ("README.MD", "text/markdown"),
        ("letter.docx", DOCX),
        ("photo.webp", "image/webp"),
        ("photo.heic", "image/heic"),
        ("voice.wav", "audio/wav"),
        ("voice.mp3", "audio/mpeg"),
        ("clip.mp4", "video/mp4"),
        ("table.csv", "text/csv"),
        ("app.js", "text/javascript"),
        ("data:text/html,x.txt", "text/plain"),
    ],
)
def test_name_decides_where_no_type_is_declared(filename: str, expected: str) -> None:
    assert detect(OCTETS, filename, b"%PDF-1.7\n") == expected


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"%PDF-1.7\n%plain ASCII so far", "application/pdf"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
        (b"GIF89a\x01\0\x01\0", "image/gif"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\x24\0\0\0WAVEfmt \x10", "audio/wav"),
        (b"ID3\x04\0\0", "audio/mpeg"),
        (b"\xff\xfb\x90\x44\0", "audio/mpeg"),
        (b"fLaC\0\0", "audio/flac"),
        (b"OggS\0\x02\0\0\0\0", "audio/ogg"),
        (b"\0\0\0\x20ftypM4A \0", "audio/mp4"),
        (b"\0\0\0\x20ftypisom\0", "video/mp4"),
        (b"PK\x03\x04\x14\0\x06\0[Content_Types].xml", "application/zip"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "application/gzip"),
        (b"BMW and ID3 are plain words", "text/plain"),
        (b'{"custom_id": "1"}\n', "text/plain"),
        ("žluťoučký kůň".encode()[:-1], "text/plain"),
        ("žluťoučký".encode("cp1250"), OCTETS),
        (b"text\0with a NUL", OCTETS),
        (b"", OCTETS),
    ],
)
def test_content_decides_where_the_name_says_nothing(head: bytes, expected: str) -> None:
    assert detect(None, "upload", head) == expected


@settings(deadline=None)
@given(st.none() | st.text(), st.text(), st.binary(max_size=100))
def test_answer_is_always_a_plain_type(declared: str | None, filename: str, head: bytes) -> None:
    kind, slash, name = detect(declared, filename, head).partition("/")
    assert all([kind, slash, name, f"{kind}{name}".isascii(), not set(f"{kind}{name}") & set(" ;\r\n")])
