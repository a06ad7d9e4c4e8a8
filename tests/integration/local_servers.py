"""Data folders with embedded servers, and other processes that use them, for the tests of the embedded database."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import psycopg

from managed_files.local_postgres import LocalPostgres
from managed_files.postgres_binaries import ServerUser

REPOSITORY = Path(__file__).parents[2]

USER = """
import os, sys
from contextlib import suppress
from pathlib import Path
import psycopg
from managed_files.local_postgres import LocalPostgres
if uid := int(sys.argv[2]):
    with suppress(psycopg.Error):  # loads what psycopg loads late: the lowered user may not read this Python
        psycopg.connect("host=/nowhere")
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
postgres = LocalPostgres(Path(sys.argv[1]))
print(postgres.start(), flush=True)
sys.stdin.read()
postgres.stop()
"""


@contextmanager
def using(folder: Path, *, user: int = 0, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that uses the database: the process and the URL it got. It leaves at the end.

    `user`: whom it becomes first, if we are root. 0: it stays who we are.
    """
    command = [sys.executable, "-c", USER, str(folder), str(user)]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.communicate()


def query(url: str, statement: str) -> object:
    """The first value of a statement's answer, None where it answers nothing."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return next(iter(cursor.fetchone() or ())) if cursor.description else None


def answers(url: str) -> bool:
    try:
        return query(url, "SELECT true") is True
    except psycopg.OperationalError:
        return False


def postmaster(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().split()[0])


def socket_folder(url: str) -> Path:
    return Path(unquote(url.partition("host=")[2].partition("&")[0]))


def owner(folder: Path) -> int:
    """The user that the server of this folder runs as."""
    return ServerUser.for_data(folder / "postgres").uid


def stop_whatever_runs(folder: Path) -> None:
    if (folder / "postgres" / "postmaster.pid").exists():
        last = LocalPostgres(folder)
        last.start()
        last.stop()


@contextmanager
def data_folder() -> Iterator[Path]:
    """An empty data folder that every user can enter. No server outlives it."""
    folder = Path(tempfile.mkdtemp(prefix="mf-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        stop_whatever_runs(folder)
        shutil.rmtree(folder)


@contextmanager
def made_folder() -> Iterator[Path]:
    """A data folder whose table `notes` holds one note; its server has stopped."""
    with data_folder() as folder:
        postgres = LocalPostgres(folder)
        query(postgres.start(), "CREATE TABLE notes AS SELECT 'kept' AS note")
        postgres.stop()
        yield folder
