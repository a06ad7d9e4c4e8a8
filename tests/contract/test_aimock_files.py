"""OpenAI's Files API at aimock, which reads forms by the letter of RFC 2046 and stores at most 10 MiB."""

import hashlib

import pytest

from managed_files.ids import name_mark
from tests.contract.aimock import AiMock
from tests.gateway import Bench

LARGEST = 10 * 1024 * 1024
ACCOUNTS = "openai, azure_v1"
LINES = b'{"custom_id": "\xc3\xa9"}\r\n--a-boundary\r\n' * 1000


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("filename", ["paper.pdf", "ä ö+%20~'()*!&=?#.pdf"])
@pytest.mark.parametrize("data", [b"x", LINES, bytes(range(256)) * (LARGEST // 256)], ids=["tiny", "lines", "largest"])
def test_a_form_arrives_byte_for_byte(gateway: Bench, emulator: AiMock, filename: str, data: bytes) -> None:
    file_id = gateway.stored("openai", data=data, filename=filename, purpose="assistants")

    read = emulator.understood()
    name = name_mark(file_id) + filename
    assert {name: read[name] for name in ("filename", "bytes", "sha256", "purpose")} == {
        "filename": name,
        "bytes": len(data),
        "sha256": digest(data),
        "purpose": "assistants",
    }


def test_one_file_lives_in_both_accounts_and_dies(gateway: Bench, emulator: AiMock) -> None:
    file_id = gateway.stored(ACCOUNTS, data=LINES)
    content = gateway.call("GET", f"/files/{file_id}/content").data
    held = len(emulator.files())
    gateway.call("DELETE", f"/files/{file_id}")

    assert (content, held, emulator.files()) == (LINES, 2, [])


def test_a_file_that_is_too_large_there_leaves_nothing(gateway: Bench, emulator: AiMock) -> None:
    answer = gateway.upload(ACCOUNTS, data=bytes(LARGEST + 1))

    assert (answer.status_code, "10485760 byte cap" in answer.text, emulator.files()) == (400, True, [])
