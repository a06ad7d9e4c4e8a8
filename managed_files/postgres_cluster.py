"""A PostgreSQL cluster in a data folder: how it is made, launched, reached and signalled. Counts no users.

Nothing here locks: whoever changes the cluster holds the start lock of `local_postgres`.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg

from managed_files.errors import ConfigError
from managed_files.postgres_binaries import Programs, ServerUser

REMEDY = "Set database_url to use a PostgreSQL server of your own."

_SOCKET = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT = 100  # bytes; 104 on macOS, 108 on Linux, with the end mark
_LOG_LINES = 15
_DESCRIPTORS = Path("/proc/self/fd")
_EXISTING = """
    SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'managed_files'),
        EXISTS (SELECT FROM pg_database WHERE datname = 'managed_files')"""
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "log_min_messages": "log",  # not the clients' errors: they may quote data, and the gateway logs its own
    "log_checkpoints": "off",
}


class Cluster:
    """The cluster `postgres` in a data folder, with its log `postgres.log` and a private folder for its socket."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._path = folder / "postgres"
        self._log = folder / "postgres.log"

    def answering(self) -> str | None:
        """The URL if a server accepts connections; makes the database, and a role that may do no more, if missing."""
        facts = self._postmaster()
        if len(facts) < 8 or facts[7].strip() != "ready":
            return None
        where = f"host={quote(facts[4], safe='')}&port=5432"
        with (
            suppress(psycopg.OperationalError),
            psycopg.connect(
                f"postgresql://postgres@/postgres?{where}", autocommit=True, connect_timeout=5
            ) as connection,
        ):
            role, database = connection.execute(_EXISTING).fetchone() or (False, False)
            if not role:
                connection.execute("CREATE ROLE managed_files LOGIN CREATEDB")
            if not database:
                connection.execute("CREATE DATABASE managed_files OWNER managed_files")
            return f"postgresql://managed_files@/managed_files?{where}"
        return None

    def launch(self, lock: int) -> None:
        """Starts the server, which keeps `lock` open; makes the cluster first if there is none. Does not wait for it.

        No process of an earlier server may be left: what such a one left behind is removed. Raises ConfigError.
        """
        user = ServerUser.for_data(self._path)
        place = self._place(user)
        programs = Programs.installed()
        if not programs.run_by(user):
            programs = programs.copied(place, user)
        if self._log.exists():
            self._log.replace(f"{self._log}.1")
        if not self._path.exists():
            self._make(programs, user, lock)
        self._check_version(programs)
        for left_over in (self._path / "postmaster.pid", place / _SOCKET, place / f"{_SOCKET}.lock"):
            left_over.unlink(missing_ok=True)
        settings = _SETTINGS | {"unix_socket_directories": f'"{place}"'}
        # The shell leaves at once, so that the server is nobody's child: no zombie whoever of its users stops it.
        command: list[str | Path] = ["sh", "-c", '"$@" &', "sh", programs.postgres]
        self._run(user, command, self._path, [f"--{name}={value}" for name, value in settings.items()], lock)

    def signal(self, name: str) -> None:
        """Signals the running postmaster: INT cuts sessions and shuts down, QUIT gives up and leaves recovery to do.

        Sent by the server's user: whatever that user wrote into the pid file, root's power is not lent to it.
        """
        if facts := self._postmaster():
            ServerUser.for_data(self._path).run("sh", "-c", 'kill -s "$0" "$1"', name, facts[0])

    def clear(self) -> None:
        """Removes the private folder of a server that has ended."""
        shutil.rmtree(self._place(ServerUser.for_data(self._path)), ignore_errors=True)

    def failure(self, what: str) -> ConfigError:
        """An error for the operator, with the end of the log."""
        lines = self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:] if self._log.exists() else []
        return ConfigError("\n".join([f"PostgreSQL in {self._folder} {what}. {REMEDY} Its log ends:", *lines]))

    def _postmaster(self) -> list[str]:
        """Lines of `postmaster.pid`: pid, data folder, start, port, socket folder, address, memory, state.

        https://github.com/postgres/postgres/blob/master/src/include/utils/pidfile.h
        """
        try:
            return (self._path / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _make(self, programs: Programs, user: ServerUser, lock: int) -> None:
        """Made aside and renamed when it is complete and on disk: what bears the cluster's name is always whole."""
        unfinished = self._path.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        user.make_private(unfinished)
        options = ["--username=postgres", "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--no-locale"]
        if self._run(user, [programs.initdb], unfinished, options, lock):
            shutil.rmtree(unfinished)
            raise self.failure("could not be set up")
        unfinished.rename(self._path)
        with opened(self._folder, os.O_DIRECTORY) as folder:
            os.fsync(folder)

    def _check_version(self, programs: Programs) -> None:
        try:
            version = (self._path / "PG_VERSION").read_text().strip()
        except FileNotFoundError as error:
            raise ConfigError(f"{self._path} holds no PostgreSQL cluster: move it away.") from error
        if version != programs.major:
            raise ConfigError(
                f"{self._path} was made by PostgreSQL {version}, and the programs here are PostgreSQL "
                f"{programs.version}. Bring it over with pg_dump or pg_upgrade, or move it away. {REMEDY}"
            )

    def _run(self, user: ServerUser, command: list[str | Path], cluster: Path, options: list[str], lock: int) -> int:
        """Runs a program on the cluster with the log as its output; returns its exit status.

        The server's user may own the cluster and yet be barred from a folder above it (root's home). Then it gets the
        cluster as an open directory: no folder above is looked at on the way through `/proc/self/fd`.
        """
        with opened(self._log, os.O_WRONLY | os.O_APPEND) as log, opened(cluster, os.O_DIRECTORY) as directory:
            if user.reaches(cluster):
                return user.run(*command, "-D", cluster, *options, output=log, keep=[lock])
            if not _DESCRIPTORS.exists():
                raise ConfigError(f"User {user.name}, who runs PostgreSQL for root, cannot enter {cluster}. {REMEDY}")
            return user.run(*command, "-D", _DESCRIPTORS / str(directory), *options, output=log, keep=[lock, directory])

    def _place(self, user: ServerUser) -> Path:
        """A private folder for the socket that the server's user can reach: `run`, otherwise a short one in /tmp."""
        digest = hashlib.sha256(os.fsencode(self._folder.resolve())).hexdigest()[:12]
        temporary = Path(tempfile.gettempdir(), f"managed-files-{digest}")
        for folder in (self._folder / "run", temporary, Path("/tmp", temporary.name)):  # noqa: S108 - made private
            if _holds_socket(folder) and user.reaches(folder.parent):
                return user.make_private(folder)
        raise ConfigError(f"User {user.name}, who runs PostgreSQL for {self._folder}, can enter no temporary folder.")


@contextmanager
def opened(path: Path, flags: int = 0) -> Iterator[int]:
    """A descriptor of a file of ours, made if it is missing. No symbolic link leads root to somebody else's file."""
    create = 0 if flags & os.O_DIRECTORY else os.O_CREAT
    descriptor = os.open(path, flags | create | os.O_NOFOLLOW, mode=0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _holds_socket(folder: Path) -> bool:
    """Whether a client can name a socket there: a path must be short, and libpq splits hosts at commas."""
    name = str(folder)
    return len(os.fsencode(folder / _SOCKET)) <= _SOCKET_PATH_LIMIT and name.isprintable() and not set(name) & set(',"')
