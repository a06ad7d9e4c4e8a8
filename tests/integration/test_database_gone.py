"""Copies of a node that lost its database while others have not: none stays that nobody knows of."""

import time
from collections.abc import Mapping

import pytest

from managed_files.database import Database
from managed_files.fanout import Fanout
from managed_files.ids import new_file_id
from managed_files.providers.base import Provider
from managed_files.providers.registry import build
from managed_files.records import Copy, CopyState, File, Upload
from managed_files.repository import FileRepository
from managed_files.services.deletion import Deletion
from managed_files.services.uploads import RunningUpload
from managed_files.spool import Spool
from tests.gateway import Bench, left_at_openai

NOWHERE = FileRepository(Database("postgresql://me@127.0.0.1:1/files", wait=0.05))


@pytest.fixture
def at_openai(bench: Bench) -> Mapping[str, Provider]:
    """One account, by its name."""
    return {
        name: build(account, bench.gateway.upstream)
        for name, account in bench.gateway.settings.accounts.items()
        if account.provider == "openai"
    }


def test_a_copy_that_cannot_be_written_down_is_deleted_by_who_made_it(
    bench: Bench, at_openai: Mapping[str, Provider]
) -> None:
    file = File(new_file_id(), "me", None, "paper.pdf", "user_data", "application/pdf", int(time.time()))
    with Spool() as spool:
        spool.write(b"x")
        spool.finish()
        upload = Upload(file.id, file.filename, file.mime_type, file.purpose, spool, None)
        running = RunningUpload(file, upload, list(at_openai), at_openai, NOWHERE, 0)
        running.start(Fanout(1))
        (outcome,) = running.outcomes().values()
    calls = [request.method for request in bench.stand_ins.openai.requests]
    assert (str(outcome.error), calls, bench.stand_ins.counts()["openai"]) == (
        "The gateway's database does not answer. Try again.",
        ["POST", "DELETE"],
        0,
    )


def test_a_delete_whose_end_cannot_be_written_down_is_a_delete(bench: Bench, at_openai: Mapping[str, Provider]) -> None:
    copies = [
        Copy(new_file_id(), account, "openai", CopyState.DELETING, left_at_openai(bench.stand_ins, "paper.pdf"))
        for account in at_openai
    ]
    Deletion(NOWHERE, at_openai, Fanout(1)).run(copies)
    assert bench.stand_ins.counts()["openai"] == 0
