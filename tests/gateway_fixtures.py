"""Fixtures around tests.gateway; a folder's conftest takes what its tests need."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.gateway import Bench, StandIns, running_stand_ins, settings_for

Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture(scope="session")
def running() -> Iterator[StandIns]:
    """Started once: a new service account costs a key pair."""
    with running_stand_ins() as stand_ins:
        yield stand_ins


@pytest.fixture
def stand_ins(running: StandIns) -> StandIns:
    """All stand-ins, empty and well."""
    running.reset()
    return running


@pytest.fixture
def bench(url: str, stand_ins: StandIns) -> Iterator[Bench]:
    """A gateway with the usual settings."""
    bench = Bench(settings_for(url, stand_ins), stand_ins)
    yield bench
    bench.close()


@pytest.fixture
def facts(caplog: pytest.LogCaptureFixture) -> Iterator[list[dict[str, Any]]]:
    """The facts of every request's log line, in order."""
    lines: list[dict[str, Any]] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(vars(record)["facts"])  # type: ignore[method-assign]  # the least handler
    log = logging.getLogger("managed_files.requests")
    with caplog.at_level(logging.INFO, logger=log.name):
        log.addHandler(handler)
        yield lines
        log.removeHandler(handler)


@pytest.fixture
def sql(url: str) -> Iterator[Sql]:
    """Runs a statement beside the gateway; its rows."""
    with psycopg.connect(url, autocommit=True) as connection:

        def run(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

        yield run
