"""One gateway and one set of providers a worker, empty for each test; clients of them."""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from openai import OpenAI
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.e2e import batch_world
from tests.e2e import gateway as gateways
from tests.e2e import providers as sandboxes
from tests.e2e.batch_world import World
from tests.e2e.gateway import MASTER_KEY, Gateway
from tests.e2e.providers import Providers
from tests.sdk import openai_at

NewDatabase = Callable[[str], str]  # what it is for → its URL
_NEVER = 3600.0  # seconds: other tests of this worker use the same database, and `reconcile --once` is called by name


@pytest.fixture(scope="session")
def running_providers() -> Iterator[Providers]:
    with sandboxes.serve() as running:
        yield running


@pytest.fixture
def providers(running_providers: Providers) -> Iterator[Providers]:
    """The sandbox providers, with nothing in them."""
    running_providers.reset()
    yield running_providers
    running_providers.reset()


@pytest.fixture(scope="session")
def running_gateway(
    running_providers: Providers, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    config = sandboxes.configuration(
        running_providers, database_url=database_url, reconcile_interval=_NEVER, max_file_size_mb=1
    )
    with gateways.gateway(config, tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture
def gateway(running_gateway: Gateway, providers: Providers, url: str) -> Iterator[Gateway]:
    """The real gunicorn, with empty tables and empty providers. No test may leave a traceback in its log."""
    before = running_gateway.log.stat().st_size
    yield running_gateway
    with running_gateway.log.open("rb") as log:
        log.seek(before)
        assert b"Traceback" not in (said := log.read()), said.decode()


@pytest.fixture
def client(gateway: Gateway) -> Iterator[OpenAI]:
    """The official SDK, by the address that the documentation shows, without retries of its own."""
    with openai_at(gateway.url, MASTER_KEY) as client:
        yield client


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds an answer of a provider back until it is set, at the latest at the test's end."""
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for files that a client uploads from disk."""
    return tmp_path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the embedded server's user can enter, also where we are root and it is not."""
    folder = Path(tempfile.mkdtemp(prefix="mf-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def new_database(server_url: str, database_url: str) -> NewDatabase:
    """Makes databases that no test empties, for gateways that are at work all the time."""

    def new(purpose: str) -> str:
        name = f"{conninfo_to_dict(database_url)['dbname']}_{purpose}"
        with psycopg.connect(server_url, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE template_mf")
        return make_conninfo(server_url, dbname=name)

    return new


@pytest.fixture(scope="session")
def batch_url(new_database: NewDatabase) -> str:
    """The database of `batch_gateway`."""
    return new_database("batches")


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Every provider of batches. Each test leaves them as they were."""
    with batch_world.serve() as running:
        yield running


@pytest.fixture(scope="session")
def batch_gateway(world: World, batch_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway before them that is at work."""
    with gateways.gateway(world.configuration(database_url=batch_url), tmp_path_factory.mktemp("batches")) as running:
        yield running
        assert "Traceback" not in (said := running.log.read_text()), said
