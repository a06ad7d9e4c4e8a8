"""The life of an embedded server: kept data, users that join and leave, kills, forks, left-overs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from managed_files.local_postgres import LocalPostgres
from tests.integration.local_servers import (
    REPOSITORY,
    USER,
    answers,
    data_folder,
    made_folder,
    owner,
    postmaster,
    query,
    stop_whatever_runs,
    using,
)

FORKING = """
import os, sys
from pathlib import Path
from managed_files.local_postgres import LocalPostgres
from tests.integration.local_servers import answers
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
seen = [answers(url)]
postgres.stop()
seen.append(answers(url))
os.write(to_child[1], b"!")
os.waitpid(child, 0)
seen.append(answers(url))
print(seen)
"""


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
    """The module's data folder, for a test that leaves the note in it."""
    yield made
    stop_whatever_runs(made)


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


def test_processes_share_one_server_and_the_last_one_out_stops_it(folder: Path) -> None:
    with using(folder) as (_, first), using(folder) as (_, second), using(folder) as (_, third):
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
    query(postgres.start(), "CREATE TABLE last_words AS SELECT 'written' AS word")
    os.kill(postmaster(folder), signal.SIGKILL)
    assert query(postgres.start(), "SELECT word FROM last_words") == "written"
    postgres.stop()


def test_a_server_is_revived_only_when_it_is_gone(folder: Path) -> None:
    postgres, watch = LocalPostgres(folder), LocalPostgres(folder)
    postgres.start()
    alive, first = watch.revive(), postmaster(folder)
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while not watch.revive():  # until the last of its processes has noticed
        assert time.monotonic() < deadline
    assert (alive, postmaster(folder) != first, answers(postgres.start())) == (False, True, True)
    postgres.stop()
    watch.stop()


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
    told = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, timeout=60).stdout
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
