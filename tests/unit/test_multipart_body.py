"""Outgoing multipart bodies, read back by werkzeug's parser as a provider would."""

import io
import re
from contextlib import closing

from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage
from werkzeug.formparser import parse_form_data

from managed_files.providers.multipart import MultipartFile

_NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_FIELDS = st.lists(st.tuples(_NAMES.filter(bool), _NAMES), max_size=4)


class FileReader(io.BytesIO):
    """A reader of bytes that are all there."""

    def available(self, size: int, /) -> int:
        return min(size, len(self.getvalue()) - self.tell())


def drain(body: MultipartFile, size: int) -> bytes:
    return b"".join(iter(lambda: body.read(size), b""))


def parsed(body: MultipartFile, size: int) -> tuple[list[tuple[str, str]], list[tuple[str, str, str, bytes]]]:
    raw = drain(body, size)
    environ = {
        "REQUEST_METHOD": "POST",
        "wsgi.input": io.BytesIO(raw),
        "CONTENT_TYPE": body.content_type,
        "CONTENT_LENGTH": str(len(raw)),
    }
    _, form, files = parse_form_data(environ, silent=False)
    return list(form.items(multi=True)), [stored(name, file) for name, file in files.items(multi=True)]


def stored(name: str, file: FileStorage) -> tuple[str, str, str, bytes]:
    with closing(file):
        return name, file.filename or "", file.mimetype, file.read()


def as_received(name: str) -> str:
    """What a parser makes of a name: control characters stay percent-encoded, a quote comes back."""
    return re.sub(r"[\x00-\x1f\x7f]", lambda match: f"%{ord(match[0]):02X}", name).replace("%22", '"')


@settings(deadline=None)
@given(fields=_FIELDS, filename=_NAMES.filter(bool), content=st.binary(max_size=3000), size=st.integers(1, 700))
def test_a_parser_reads_back_what_was_sent(
    fields: list[tuple[str, str]], filename: str, content: bytes, size: int
) -> None:
    body = MultipartFile(fields, "file", filename, "application/pdf", FileReader(content), len(content))
    form, files = parsed(body, size)
    assert (sorted(form), files) == (
        sorted((as_received(name), value) for name, value in fields),
        [("file", as_received(filename), "application/pdf", content)],
    )


@settings(deadline=None)
@given(filename=_NAMES, content=st.binary(max_size=300), size=st.integers(1, 100))
def test_the_length_is_known_before_the_first_byte(filename: str, content: bytes, size: int) -> None:
    body = MultipartFile({"purpose": "user_data"}, "file", filename, "text/plain", FileReader(content), len(content))
    promised = len(body)
    assert len(drain(body, size)) == promised


def test_the_wire_form_is_that_of_the_openai_sdks() -> None:
    body = MultipartFile({"purpose": "user_data"}, "file", 'ünï "q".txt', "text/plain", FileReader(b"hello"), 5)
    boundary = body.content_type.removeprefix("multipart/form-data; boundary=")
    assert drain(body, 1 << 18).decode() == (
        f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="ünï %22q%22.txt"\r\n'
        f"Content-Type: text/plain\r\n\r\nhello\r\n--{boundary}--\r\n"
    )


def test_a_content_type_cannot_add_a_header() -> None:
    body = MultipartFile({}, "file", "a", "text/plain\r\nX-Evil: 1", FileReader(b""), 0)
    assert parsed(body, 100) == ([], [("file", "a", "application/octet-stream", b"")])


def test_a_lone_surrogate_in_a_name_is_replaced() -> None:
    body = MultipartFile({}, "file", "a\udc80b", "text/plain", FileReader(b"x"), 1)
    assert parsed(body, 100) == ([], [("file", "a?b", "text/plain", b"x")])


def test_boundaries_differ_from_body_to_body() -> None:
    types = {MultipartFile({}, "file", "a", "text/plain", FileReader(b""), 0).content_type for _ in range(50)}
    assert len(types) == 50
