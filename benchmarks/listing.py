"""Look-up and first page of a list: a million files against a thousand."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import psycopg
from psycopg.conninfo import make_conninfo

from benchmarks.report import Figure
from managed_files import migrate
from managed_files.database import Database
from managed_files.local_postgres import LocalPostgres
from managed_files.records import Caller
from managed_files.repository import FileRepository

_FEW, _MANY = 1_000, 1_000_000
_ROUNDS, _REPEATS = 31, 20
_PAGE = 20  # files; both tables fill it
_CALLER = Caller("owner", "team")
_FILES = """
    INSERT INTO files (id, owner, team, filename, purpose, mime_type, state, bytes, sha256, created_at)
    SELECT 'file-mf-' || md5(number::text), 'owner', 'team', 'paper.pdf', 'user_data', 'application/pdf', 'stored', 1,
        decode(md5(number::text), 'hex'), now() - number * interval '1 second'
    FROM generate_series(1, %s) AS number"""
_COPIES = """
    INSERT INTO copies (file_id, account, provider, state, remote_id)
    SELECT id, account, account, 'ready', 'remote-' || id FROM files, unnest(ARRAY['openai', 'vertex_ai']) AS account"""


def listing() -> list[Figure]:
    """One caller owns all files of its table, the worst case for a list. The two tables take turns."""
    with TemporaryDirectory() as folder:
        server = LocalPostgres(Path(folder))
        try:
            url = server.start()
            small, large = (_filled(url, count) for count in (_FEW, _MANY))
            return [
                *_compared("look-up of a file", small, large, _look_up),
                *_compared("first page of a list", small, large, _first_page),
            ]
        finally:
            server.stop()


def _compared(
    what: str, small: FileRepository, large: FileRepository, question: Callable[[FileRepository], object]
) -> list[Figure]:
    rounds = [(_seconds(question, large), _seconds(question, small)) for _ in range(_ROUNDS)]
    milliseconds = median(many for many, _ in rounds) / _REPEATS * 1000
    ratio = median(many / few for many, few in rounds)  # of neighbours in time, so that other load weighs on both
    return [
        Figure(f"{what}: time with {_MANY:,} files / with {_FEW:,}", ratio, 1.5, "×"),
        Figure(f"  {what} with {_MANY:,} files", milliseconds, None, "ms"),
    ]


def _seconds(question: Callable[[FileRepository], object], repository: FileRepository) -> float:
    began = perf_counter()
    for _ in range(_REPEATS):
        question(repository)
    return perf_counter() - began


def _look_up(repository: FileRepository) -> object:
    found = repository.get("file-mf-c4ca4238a0b923820dcc509a6f75849b", _CALLER)  # md5 of "1"
    assert found is not None
    return found


def _first_page(repository: FileRepository) -> object:
    found = repository.page(_CALLER, after=None, limit=_PAGE, order="desc", purpose=None)
    assert len(found) == _PAGE
    return found


def _filled(server_url: str, count: int) -> FileRepository:
    url = make_conninfo(server_url, dbname=f"files_{count}")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE files_{count}".encode())
    migrate.apply(url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_FILES.encode(), (count,))
        connection.execute(_COPIES)
        connection.execute("VACUUM ANALYZE")
    return FileRepository(Database(url))
