"""The flow on every kind of file that people upload, and the MIME type under which each is kept."""

import pytest
from openai import BadRequestError, OpenAI

from tests import files
from tests.e2e.calls import ask, upload
from tests.e2e.providers import GEMINI, GPT, Providers
from tests.files import Sample

SAMPLES = (files.pdf(), files.png(), files.wav(), files.text(), files.jsonl())
each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=str)
OCTETS = "application/octet-stream"  # what most clients say when they do not know


@each_sample
def test_it_arrives_unchanged(client: OpenAI, providers: Providers, sample: Sample) -> None:
    upload(client, sample)
    assert providers.stored() == {"openai": [sample.sha256], "vertex_ai": [sample.sha256]}


@each_sample
def test_gemini_reads_it(client: OpenAI, sample: Sample) -> None:
    file = upload(client, sample, content_type=OCTETS)
    seen = f"{sample.name}: {sample.gemini_type}, {len(sample.data)} bytes, sha256 {sample.sha256}"
    assert seen in ask(client, GEMINI, file.id)


@each_sample
def test_its_type_is_told_by_its_name(client: OpenAI, providers: Providers, sample: Sample) -> None:
    upload(client, sample, content_type=OCTETS)
    assert [item.content_type for item in providers.google.objects.values()] == [sample.mime_type]


@pytest.mark.parametrize("sample", [files.pdf(), files.png(), files.wav()], ids=str)
def test_its_type_is_told_by_its_content(client: OpenAI, providers: Providers, sample: Sample) -> None:
    upload(client, files.Sample("nameless", sample.mime_type, "", sample.data), content_type=OCTETS)
    assert [item.content_type for item in providers.google.objects.values()] == [sample.mime_type]


def test_its_own_word_counts_most(client: OpenAI, providers: Providers) -> None:
    upload(client, files.text(), content_type="text/x-diary")
    assert [item.content_type for item in providers.google.objects.values()] == ["text/x-diary"]


@pytest.mark.parametrize("sample", SAMPLES[1:], ids=str)
def test_openai_refuses_what_is_no_pdf_in_its_own_words(client: OpenAI, sample: Sample) -> None:
    file = upload(client, sample)
    with pytest.raises(BadRequestError, match="Expected a file with an application/pdf MIME type"):
        ask(client, GPT, file.id)
