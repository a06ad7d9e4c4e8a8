"""Requests that cannot be served: a clear 4xx, nothing stored, nothing uploaded."""

import json
import socket
from http.client import HTTPResponse
from typing import Any

import pytest
import requests
from openai import APIStatusError, BadRequestError, OpenAI
from openai.types import FileObject

from tests import files
from tests.e2e import raw
from tests.e2e.calls import ask, question, upload
from tests.e2e.gateway import MASTER_KEY, Gateway
from tests.e2e.providers import BOTH, GPT, Providers

BEARER = {"Authorization": f"Bearer {MASTER_KEY}"}
MIB = 1024 * 1024
PAPER = files.pdf().data


def left(client: OpenAI, providers: Providers) -> tuple[dict[str, list[str]], list[FileObject]]:
    """What a refused upload may not leave: copies at the providers, files to be seen."""
    return providers.stored(), client.files.list().data


def send(gateway: Gateway, body: bytes, *headers: str) -> int:
    """A form as it stands, over a socket."""
    with raw.upload(gateway) as upload:
        upload.begin(*(headers or (f"Content-Length: {len(body)}",)))
        upload.send(body)
        upload.end()
        return upload.answer().status


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b'{"model": "gpt-4o-mini-openai"}'])
def test_a_chat_that_is_no_chat(gateway: Gateway, body: bytes) -> None:
    headers = BEARER | {"Content-Type": "application/json"}
    assert requests.post(f"{gateway.url}/chat/completions", data=body, headers=headers, timeout=10).status_code == 400


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"messages": "hello"}, "messages"),
        ({"messages": ["hello"]}, "messages[0]"),
        ({"stream": "yes"}, "stream"),
        ({"model": 4}, "model"),
        ({"model": ""}, "model"),
    ],
    ids=str,
)
def test_a_chat_with_wrong_types(gateway: Gateway, wrong: dict[str, Any], param: str) -> None:
    body = {"model": GPT, "messages": question()} | wrong
    answer = requests.post(f"{gateway.url}/chat/completions", json=body, headers=BEARER, timeout=10)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("path", ["/files", "/chat/completions"])
def test_a_wrong_content_type(gateway: Gateway, path: str) -> None:
    headers = BEARER | {"Content-Type": "text/plain"}
    assert requests.post(gateway.url + path, data=b"hello", headers=headers, timeout=10).status_code == 415


def test_an_empty_file(client: OpenAI, providers: Providers) -> None:
    with pytest.raises(BadRequestError, match=r"The file is empty\. Send at least one byte"):
        upload(client, files.Sample("empty.pdf", "", "", b""))
    assert left(client, providers) == ({}, [])


def test_a_form_without_a_file(gateway: Gateway) -> None:
    fields = {"purpose": (None, "user_data"), "target_model_names": (None, BOTH)}
    answer = requests.post(f"{gateway.url}/files", files=fields, headers=BEARER, timeout=10)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "file")


@pytest.mark.parametrize("purpose", ["", "world domination"])
def test_a_purpose_that_is_none(client: OpenAI, providers: Providers, purpose: str) -> None:
    with pytest.raises(BadRequestError):
        upload(client, purpose=purpose)
    assert left(client, providers) == ({}, [])


def test_a_length_above_the_limit_is_refused_before_a_byte_is_sent(gateway: Gateway) -> None:
    with raw.upload(gateway) as upload:
        upload.begin(f"Content-Length: {10 * MIB}")
        assert upload.answer().status == 413


def test_the_sdk_reads_why_its_file_is_refused_before_it_has_sent_it(client: OpenAI) -> None:
    with pytest.raises(APIStatusError) as error:
        upload(client, files.Sample("big.bin", "", "", bytes(8 * MIB)))
    assert error.value.status_code == 413


def test_more_bytes_than_the_limit_without_a_length(client: OpenAI, gateway: Gateway, providers: Providers) -> None:
    body = raw.form(bytes(2 * MIB))
    pieces = (body[start : start + 65536] for start in range(0, len(body), 65536))
    headers = BEARER | {"Content-Type": f"multipart/form-data; boundary={raw.BOUNDARY}"}
    answer = requests.post(f"{gateway.url}/files", data=pieces, headers=headers, timeout=30)
    assert (answer.status_code, *left(client, providers)) == (413, {}, [])


@pytest.mark.parametrize("missing", [4, 12, 40, 400, len(PAPER)])
def test_a_form_that_ends_too_early(client: OpenAI, gateway: Gateway, providers: Providers, missing: int) -> None:
    whole = raw.form(PAPER)
    status = send(gateway, whole[:-missing], f"Content-Length: {len(whole)}")
    assert (status, *left(client, providers)) == (400, {}, [])


@pytest.mark.parametrize("missing", [4, 12, 400])
def test_a_form_without_its_end(client: OpenAI, gateway: Gateway, providers: Providers, missing: int) -> None:
    assert (send(gateway, raw.form(PAPER)[:-missing]), *left(client, providers)) == (400, {}, [])


@pytest.mark.parametrize(
    "name",
    [
        b"a\0b.pdf",
        b"a" * 10_000 + b".pdf",
        "gpj.\u202eexe".encode(),
        b"..",
        b"../../etc/passwd",
        b"\xff\xfe.pdf",
        b"a\x1b[2Jb",
    ],
    ids=["NUL", "10 kB", "right to left", "dots", "path", "not UTF-8", "escape"],
)
def test_a_hostile_filename(client: OpenAI, gateway: Gateway, providers: Providers, name: bytes) -> None:
    assert (send(gateway, raw.form(PAPER, name)), *left(client, providers)) == (400, {}, [])


def test_the_next_request_is_served_as_if_nothing_had_happened(client: OpenAI, gateway: Gateway) -> None:
    send(gateway, b"--nonsense")
    assert "What is in it?" in ask(client, GPT)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (f"GET /files HTTP/1.1\r\nAuthorization Bearer {MASTER_KEY}", 400),
        ("GET /files", 400),
        (f"GET /files?after={'x' * 5000} HTTP/1.1", 414),
        (f"GET /files HTTP/1.1\r\nx-large: {'x' * 10_000}", 431),
        ("POST /files HTTP/1.1\r\nTransfer-Encoding: br", 501),
        ("GET /files HTTP/1.1\r\nSCRIPT_NAME: /elsewhere", 400),
    ],
    ids=["header", "request line", "address", "too large a header", "coding", "prefix"],
)
def test_what_is_refused_before_it_is_read(gateway: Gateway, head: str, status: int) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as sock, HTTPResponse(sock) as answer:
        sock.sendall(f"{head}\r\nHost: gateway\r\n\r\n".encode())
        answer.begin()
        error = json.load(answer)["error"]
    assert (answer.status, sorted(error)) == (status, ["code", "message", "param", "type"])
    assert (answer.headers["x-request-id"] or "") in (said := gateway.log.read_text())
    assert MASTER_KEY not in said
