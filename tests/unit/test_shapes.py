"""OpenAI's objects from our records."""

import pytest

from managed_files.records import Copy, CopyState, File
from managed_files.web import shapes

READY, PROCESSING, FAILED = CopyState.READY, CopyState.PROCESSING, CopyState.FAILED


def copy(state: CopyState, error: str | None = None) -> Copy:
    return Copy("file-mf-x", "openai:secret-account", "openai", state, "file-remote", expires_at=99, error=error)


def test_file_object_shows_copies_but_no_account_or_remote_id() -> None:
    file = File("file-mf-x", "me", "team", "a.pdf", "user_data", "application/pdf", 10, 3, 20, (copy(READY),))
    assert shapes.file_object(file, lambda _: ["gpt"], 98) == {
        "id": "file-mf-x",
        "object": "file",
        "bytes": 3,
        "created_at": 10,
        "filename": "a.pdf",
        "purpose": "user_data",
        "status": "processed",
        "copies": [{"model_names": ["gpt"], "provider": "openai", "state": "ready", "expires_at": 99, "error": None}],
        "expires_at": 20,
    }


def test_a_copy_that_expired_at_its_provider_is_not_ready() -> None:
    file = File("file-mf-x", "me", None, "a.pdf", "user_data", "application/pdf", 10, 3, None, (copy(READY),))
    told = shapes.file_object(file, lambda _: [], 99)
    assert (told["status"], told["copies"][0]["state"], told["copies"][0]["expires_at"]) == ("error", "failed", 99)
    assert "Upload the file again" in told["copies"][0]["error"]


def test_expires_at_is_left_out_when_there_is_none() -> None:
    file = File("file-mf-x", "me", None, "a.pdf", "user_data", "application/pdf", 10, 3)
    assert "expires_at" not in shapes.file_object(file, lambda _: [], 98)


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([READY, FAILED, PROCESSING], "processed"),
        ([PROCESSING, FAILED], "uploaded"),
        ([FAILED], "error"),
        ([], "processed"),
    ],
)
def test_status_follows_the_best_copy(states: list[CopyState], status: str) -> None:
    assert shapes.status([copy(state) for state in states]) == status


def test_an_empty_page_says_that_it_is_the_last() -> None:
    assert shapes.page([], False) == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }
