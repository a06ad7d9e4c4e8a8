"""What the actions of `batches` do, step by step. Knows no argument and no HTTP."""

import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any, BinaryIO

from managed_files.batch_cli.client import BatchClient, Json, Refused
from managed_files.batch_cli.disk import written
from managed_files.batch_cli.progress import Watching, transfer
from managed_files.batch_records import JobState
from managed_files.errors import InvalidRequest

_FINAL = frozenset(state for state in JobState if state.ended)
_PATIENCE = 300.0  # seconds that a watched gateway may be away


def submit(
    client: BatchClient,
    source: AbstractContextManager[tuple[BinaryIO, int]],
    name: str,
    targets: str | None,
    order: Mapping[str, Any],
) -> str:
    """Uploads the lines as a file of this name, and makes the batch; its id. Without one the file goes, or is named."""
    with source as (file, size), transfer(f"upload {name}", size) as told:
        uploaded = client.upload(file, size, name, targets, told)
    try:
        batch = client.create({"input_file_id": uploaded["id"], **order})
    except (Refused, KeyboardInterrupt):
        _withdraw(client, uploaded["id"])
        raise
    return str(batch["id"])


def _withdraw(client: BatchClient, file_id: str) -> None:
    try:
        client.delete(file_id)
    except Refused as error:  # also what the gateway says if a batch runs from it after all
        print(f"{file_id} stays, and a batch may run from it: {error.message}", file=sys.stderr)


def completed(client: BatchClient, batch_id: str, interval: float) -> bool:
    """Watches until the end, `interval` seconds between two looks; whether that is a good one."""
    try:
        with closing(Watching()) as progress:
            batch = _last_look(client, batch_id, interval, progress)
    except KeyboardInterrupt:
        print(f"Not watched any more; {batch_id} goes on.", file=sys.stderr)
        return False
    return bool(batch["status"] == "completed")


def fetch(client: BatchClient, batch_id: str, output: str | None, errors: str | None) -> None:
    """Downloads the answers, and the lines that failed if there is a place for them."""
    if output and errors not in (None, "-") and Path(output).resolve() == Path(errors or "").resolve():
        raise InvalidRequest(f"{output} cannot take the answers and the errors: one would replace the other.")
    batch = client.batch(batch_id)
    if batch["status"] not in _FINAL:
        raise InvalidRequest(f"{batch_id} is {batch['status']}; there is nothing to fetch yet.")
    _save(client, batch.get("output_file_id"), output)
    if errors is not None:
        _save(client, batch.get("error_file_id"), errors)
    elif batch.get("error_file_id"):
        failed = batch["request_counts"]["failed"]
        print(f"Lines that were not answered: {failed}. --errors FILE gets them.", file=sys.stderr)


def _save(client: BatchClient, file_id: str | None, path: str | None) -> None:
    """Without such lines there is no such file, and an empty one is written."""
    with written(path) as file:
        if file_id is None:
            return
        quiet = path is None and sys.stdout.isatty()
        with transfer(path or "download", client.file(file_id)["bytes"], quiet=quiet) as told:
            for piece in client.content(file_id):
                file.write(piece)
                told(len(piece))


def _last_look(client: BatchClient, batch_id: str, interval: float, progress: Watching) -> Json:
    """The batch once it has ended. A gateway that is away for a while, as when it is restarted, is waited for."""
    heard = time.monotonic()
    while True:
        try:
            batch = client.batch(batch_id)
        except Refused as error:
            if not error.passing or time.monotonic() - heard > _PATIENCE:
                raise
            progress.say_once(f"{error.message} Asking again.")
        else:
            heard = time.monotonic()
            progress.show(batch)
            if batch["status"] in _FINAL:
                return batch
        time.sleep(interval)
