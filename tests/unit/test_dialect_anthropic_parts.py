"""Parts for Claude: text, images and files, by id, by address and inline."""

import base64
from typing import Any

import pytest

from managed_files.dialects.anthropic_types import for_anthropic
from managed_files.errors import Inexpressible, InvalidRequest
from tests.anthropic_requests import Json, translate

PDF = "JVBERi0xLjQ="
WORDS = base64.b64encode("schön".encode()).decode()
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
OF_TEXT = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "schön"}}
OF_PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}


def block(part: Json) -> Json:
    (turn,) = translate({"messages": [{"role": "user", "content": [part]}]})["messages"]
    return dict(turn["content"][0])


def refused(part: Any) -> tuple[str | None, type[InvalidRequest]]:
    with pytest.raises(InvalidRequest) as caught:
        block(part)
    return (caught.value.param or "").removeprefix("messages[0].content[0]"), type(caught.value)


def image(url: str) -> Json:
    return {"type": "image_url", "image_url": {"url": url, "detail": "high"}}


def file(**value: Any) -> Json:
    return {"type": "file", "file": value}


def stored(kind: str) -> Json:
    return {"type": kind, "source": {"type": "file", "file_id": "file_1"}}


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("application/pdf", stored("document")),
        ("application/x-pdf", stored("document")),
        ("text/plain; charset=utf-8", stored("document")),
        ("text/csv", stored("document")),
        ("application/jsonl", stored("document")),
        ("application/ld+json", stored("document")),
        ("image/png", stored("image")),
        ("image/jpg", stored("image")),
        ("image/tiff", {"type": "container_upload", "file_id": "file_1"}),
        ("audio/wav", {"type": "container_upload", "file_id": "file_1"}),
        ("application/zip", {"type": "container_upload", "file_id": "file_1"}),
        (None, stored("document")),
        ("application/octet-stream", stored("document")),
    ],
)
def test_a_stored_file_goes_where_its_type_belongs(format: str | None, expected: Json) -> None:
    assert block(file(file_id="file_1", format=format)) == expected


def test_what_anthropic_knows_about_documents_is_kept() -> None:
    part = {**file(file_id="file_1", filename="a.pdf", context="c"), "citations": {"enabled": True}}
    marked = {**part, "cache_control": {"type": "ephemeral"}}
    assert block(marked) == {
        **stored("document"),
        "title": "a.pdf",
        "context": "c",
        "citations": {"enabled": True},
        "cache_control": {"type": "ephemeral"},
    }


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (image("data:image/png;base64,AA=="), IMAGE),
        (image("DATA:image/PNG;charset=x;Base64,AA=="), IMAGE),
        (image("https://example.com/a"), {"type": "image", "source": {"type": "url", "url": "https://example.com/a"}}),
        (file(file_data=f"data:application/pdf;base64,{PDF}"), OF_PDF),
        (file(file_data=PDF, filename="a.pdf"), {**OF_PDF, "title": "a.pdf"}),
        (file(file_data=f"data:application/octet-stream;base64,{PDF}", format="application/pdf"), OF_PDF),
        (file(file_data="data:image/png;base64,AA=="), IMAGE),
        (file(file_data=f"data:text/markdown;base64,{WORDS}"), OF_TEXT),
        (file(file_data="data:,sch%C3%B6n"), OF_TEXT),
        (file(file_data=WORDS, filename="a.csv"), {**OF_TEXT, "title": "a.csv"}),
        (
            file(file_data="https://example.com/a.pdf"),
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
        ),
        (
            file(file_data="https://example.com/a.webp"),
            {"type": "image", "source": {"type": "url", "url": "https://example.com/a.webp"}},
        ),
    ],
)
def test_what_stands_in_the_message_itself(part: Json, expected: Json) -> None:
    assert block(part) == expected


@pytest.mark.parametrize(
    ("part", "param", "kind"),
    [
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, ".type", Inexpressible),
        ({"type": "video_url", "video_url": {"url": "https://example.com"}}, ".type", Inexpressible),
        (image("data:image/tiff;base64,AA=="), ".image_url.url", Inexpressible),
        (file(file_data="AA==", filename="a.zip"), ".file.file_data", Inexpressible),
        (file(file_data="AA=="), ".file.file_data", Inexpressible),
        (file(file_data="https://example.com/a.csv"), ".file.file_data", Inexpressible),
        (image("file_1"), ".image_url.url", InvalidRequest),
        (image("data:image/png"), ".image_url", InvalidRequest),
        (file(file_data="!", filename="a.txt"), ".file.file_data", InvalidRequest),
        (file(file_data="/w==", filename="a.txt"), ".file.file_data", InvalidRequest),
        (file(), ".file.file_data", InvalidRequest),
        (file(file_id=5), ".file.file_id", InvalidRequest),
        ({"type": "text"}, ".text", InvalidRequest),
        ("text", "", InvalidRequest),
    ],
)
def test_refused_with_the_name_of_the_place(part: Any, param: str, kind: type) -> None:
    assert refused(part) == (param, kind)


def test_every_text_is_plain_text() -> None:
    types = ["text/html", "application/json", "application/xml", "application/yaml", "application/sql", "image/svg+xml"]
    assert [for_anthropic(one) for one in types] == ["text/plain"] * 5 + ["image/svg+xml"]
