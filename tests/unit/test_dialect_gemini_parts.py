"""Content parts for Gemini: text, images, audio and files, inline and by URI."""

from typing import Any

import pytest
from google.genai import types

from managed_files.dialects.gemini_parts import content_parts
from managed_files.errors import InvalidRequest

Json = dict[str, Any]


def part(value: Json, *, gemini_3: bool = False) -> Json:
    (translated,) = content_parts([value], "content", gemini_3=gemini_3)
    types.Part.model_validate(translated)
    return translated


def image(url: str, **more: Any) -> Json:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def audio(data: str, kind: str) -> Json:
    return {"type": "input_audio", "input_audio": {"data": data, "format": kind}}


def file(**fields: Any) -> Json:
    return {"type": "file", "file": fields}


@pytest.mark.parametrize(
    ("value", "mime_type"),
    [
        (image("data:image/png;base64,AAAA"), "image/png"),
        (image("DATA:image/png;name=x;base64,AAAA"), "image/png"),
        (audio("AAAA", "wav"), "audio/wav"),
        (audio("AAAA", "mp3"), "audio/mp3"),
        (audio("data:audio/flac;base64,AAAA", "wav"), "audio/flac"),
        (file(file_data="data:application/pdf;base64,AAAA"), "application/pdf"),
        (file(file_data="data:application/octet-stream;base64,AAAA", filename="a.PDF"), "application/pdf"),
        (file(file_data="data:;base64,AAAA", filename="a.md"), "text/plain"),
        (file(file_data="AAAA", filename="a b;c.csv"), "text/plain"),
        (file(file_data="AAAA", filename="voice.wav"), "audio/wav"),
        (file(file_data="AAAA", format="text/plain"), "text/plain"),
    ],
)
def test_inline(value: Json, mime_type: str) -> None:
    assert part(value) == {"inlineData": {"mimeType": mime_type, "data": "AAAA"}}


@pytest.mark.parametrize(
    ("value", "uri", "mime_type"),
    [
        (image("https://a.example/b.png?size=1"), "https://a.example/b.png?size=1", "image/png"),
        (image("https://a.example/b"), "https://a.example/b", "image/jpeg"),
        (image("https://a.example/b.webp"), "https://a.example/b.webp", "image/webp"),
        (image("gs://b/o", format="image/heic"), "gs://b/o", "image/heic"),
        (audio("gs://b/o", "audio/ogg"), "gs://b/o", "audio/ogg"),
        (file(file_id="gs://b/o", format="application/pdf", unknown=1), "gs://b/o", "application/pdf"),
        (file(file_id="gs://b/o.txt"), "gs://b/o.txt", "text/plain"),
        (file(file_id="gs://b/o", filename="o.pdf"), "gs://b/o", "application/pdf"),
        (file(file_id="https://g.example/files/1", format="video/mp4"), "https://g.example/files/1", "video/mp4"),
        (file(file_data="https://a.example/b.pdf"), "https://a.example/b.pdf", "application/pdf"),
    ],
)
def test_by_uri(value: Json, uri: str, mime_type: str) -> None:
    assert part(value) == {"fileData": {"fileUri": uri, "mimeType": mime_type}}


def test_a_data_url_may_be_percent_encoded() -> None:
    assert part(file(file_data="data:text/plain,a%20b")) == {"inlineData": {"mimeType": "text/plain", "data": "YSBi"}}


def test_hints_of_a_part_are_no_fields() -> None:
    assert part({"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}) == {"text": "a"}


@pytest.mark.parametrize(
    ("detail", "gemini_3", "resolution"),
    [
        ("low", True, {"mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}}),
        ("high", True, {"mediaResolution": {"level": "MEDIA_RESOLUTION_HIGH"}}),
        ("original", True, {"mediaResolution": {"level": "MEDIA_RESOLUTION_ULTRA_HIGH"}}),
        ("auto", True, {}),
        ("low", False, {}),
    ],
)
def test_detail(detail: str, gemini_3: bool, resolution: Json) -> None:
    assert part(image("data:image/png;base64,AA==", detail=detail), gemini_3=gemini_3) == {
        "inlineData": {"mimeType": "image/png", "data": "AA=="},
        **resolution,
    }


@pytest.mark.parametrize(
    ("value", "param"),
    [
        ({"type": "video_url"}, "content[0].type"),
        ({}, "content[0].type"),
        ("text", "content[0]"),
        ({"type": "text"}, "content[0].text"),
        ({"type": "image_url", "image_url": "https://a/b"}, "content[0].image_url"),
        (image("data:image/png"), "content[0].image_url"),
        ({"type": "image_url", "image_url": {}}, "content[0].image_url.url"),
        ({"type": "input_audio", "input_audio": {"data": "AA"}}, "content[0].input_audio.format"),
        ({"type": "input_audio", "input_audio": {"format": "wav"}}, "content[0].input_audio.data"),
        (file(), "content[0].file.file_data"),
        (file(file_data="AAAA"), "content[0].file.format"),
        (file(file_data="AAAA", filename="README"), "content[0].file.format"),
        (file(file_id="gs://b/o"), "content[0].file.format"),
        (file(file_id="file-abc", format="text/plain"), "content[0].file.file_id"),
        (file(file_id=5), "content[0].file.file_id"),
        (file(file_id="gs://b/o", format=5), "content[0].file.format"),
    ],
)
def test_refused_with_the_name_of_the_field(value: Any, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        part(value)
    assert caught.value.param == param
