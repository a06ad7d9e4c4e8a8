"""What only Mistral's adapter does."""

from collections.abc import Iterator

import pytest

from managed_files.errors import ProviderFailed
from managed_files.ids import name_mark
from managed_files.sandbox.faults import Fault
from tests.contract.benches import FILE_ID, MistralBench, sending


@pytest.fixture
def mistral() -> Iterator[MistralBench]:
    bench = MistralBench()
    yield bench
    bench.close()


@pytest.mark.parametrize(
    ("purpose", "filename", "told"),
    [
        ("user_data", "a.pdf", "ocr"),
        ("assistants", "a.pdf", "ocr"),
        ("vision", "a.png", "ocr"),
        ("ocr", "a.pdf", "ocr"),
        ("audio", "a.wav", "audio"),
        ("batch", "a.jsonl", "batch"),
        ("fine-tune", "a.jsonl", "fine-tune"),
    ],
)
def test_every_purpose_has_a_word_at_mistral(mistral: MistralBench, purpose: str, filename: str, told: str) -> None:
    remote_id = mistral.uploaded(purpose=purpose, filename=filename)

    assert mistral.sandbox.files[remote_id].purpose == told


def test_an_upload_is_found_on_a_later_page(mistral: MistralBench) -> None:
    upload = sending(mistral.spooled(b"x"))
    remote_id = mistral.provider.upload(upload).remote_id
    others = [{"id": str(number), "filename": "other.pdf", "created_at": 2**40} for number in range(100)]
    mistral.sandbox.inject(Fault("GET", "/v1/files$", status=200, body={"data": others}))
    pages = [{"data": [{"id": remote_id, "filename": f"{name_mark(FILE_ID)}paper.pdf", "created_at": 1}]}, {"data": []}]
    for page in pages:
        mistral.sandbox.inject(Fault("GET", "/v1/files$", status=200, body=page))

    found = mistral.provider.find(FILE_ID)

    asked = [request.query for request in mistral.sandbox.requests if request.method == "GET"]
    assert (found, asked) == ([remote_id], [{"page": page, "page_size": "100"} for page in ("0", "1", "2")])


def test_a_server_without_pages_is_asked_twice(mistral: MistralBench) -> None:
    mistral.uploaded()
    body = {"data": [{"id": "u-1", "filename": f"{name_mark(FILE_ID)}paper.pdf"}]}
    mistral.sandbox.inject(Fault("GET", "/v1/files$", status=200, body=body, times=None))

    assert mistral.provider.find(FILE_ID) == ["u-1"]


def test_a_422_names_the_place(mistral: MistralBench) -> None:
    detail = [{"type": "enum", "loc": ["body", "purpose"], "msg": "Input should be 'ocr'", "input": "x"}]
    mistral.sandbox.inject(Fault("POST", "/v1/files$", status=422, body={"detail": detail}))
    with pytest.raises(ProviderFailed, match=r"body\.purpose: Input should be 'ocr'") as caught:
        mistral.uploaded()

    assert caught.value.http_status == 422
