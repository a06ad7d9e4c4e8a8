"""Node.js packages that tests need: installed as a lock file pins them, once a machine."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path


def installed(*sources: Path) -> Path:
    """A folder with copies of these files and the packages of the lock file among them, kept until one of them changes.

    Fails, naming the remedy, where Node.js or npm is missing.
    """
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    assert missing == [], "these tests need Node.js with npm: install it, for example from https://nodejs.org"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "managed-files-tests"
    state = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    folder = cache / f"node-{state[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            _install(folder, sources)
    return folder


def _install(folder: Path, sources: tuple[Path, ...]) -> None:
    for source in sources:
        shutil.copy(source, folder)
    command = ["npm", "ci", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (folder / "installed").touch()
