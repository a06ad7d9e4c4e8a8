"""What a newcomer does first: `make run`, the demo, and its snippet as it is printed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.gateway import REPOSITORY, environment, free_port

# What a shell may hold for other programs.
_FOREIGN = {
    "AZURE_AD_TOKEN",
    "AWS_PROFILE",
    "AWS_BEARER_TOKEN_BEDROCK",
    "S3_BUCKET_NAME",
    "MANAGED_FILES_WEBHOOK_SECRET",
}
_SNIPPET = re.compile(r"^\S+ - <<'EOF'\n.*?^EOF\n", re.MULTILINE | re.DOTALL)
_STORY = re.compile(
    r"(?P<id>file-mf-\w{32}) \[\('openai', 'ready'\), \('vertex_ai', 'ready'\)\]\n"
    r"\ngpt-4o-mini-openai: [^\n]*paper\.pdf: application/pdf, 32 bytes[^\n]*\n.*"
    r"\ngemini-2\.0-flash: paper\.pdf: application/pdf, 32 bytes[^\n]*\n.*"
    r"\n\ndeleted: True\nError code: 404 - No such File object: (?P=id)\n",
    re.DOTALL,
)


@contextmanager
def demo(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A running demo with a database of its own."""
    command = [sys.executable, "-m", "managed_files", "demo", "--port", str(free_port()), "--data-dir", str(folder)]
    with subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment(**dict.fromkeys(_FOREIGN, "x")),
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        yield process
        process.terminate()


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What a demo says that runs meanwhile."""
    with demo(tmp_path_factory.mktemp("demo")) as running:
        yield printed(running)


def pasted(text: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """What becomes of the text in another terminal."""
    return subprocess.run(["bash", "-c", text], cwd=folder, capture_output=True, text=True, timeout=60)


def snippet(text: str) -> str:
    """The program in what the demo says."""
    found = _SNIPPET.search(text)
    return found[0] if found else "false"


def printed(demo: subprocess.Popen[str]) -> str:
    """What the demo says until it has said all, or has ended."""
    lines = []
    for line in demo.stdout or ():
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    return "".join(lines)


def dry_run(folder: Path, *arguments: str) -> str:
    """The last command of `make run` in a folder, which is not executed."""
    command = ["make", "--dry-run", "-f", str(REPOSITORY / "Makefile"), "-C", str(folder), "run", *arguments]
    for name in ("requirements.txt", "constraints.txt"):
        (folder / name).touch()
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)
    return done.stdout.partition("-m managed_files ")[2].partition("\\")[0].strip()


def test_the_snippet_of_the_demo_works_as_pasted(said: str, tmp_path: Path) -> None:
    done = pasted(snippet(said), tmp_path)
    assert _STORY.fullmatch(done.stdout), done


def test_the_snippet_of_the_demo_works_for_all_its_models(said: str, tmp_path: Path) -> None:
    (names,) = re.findall(r"^All its models: (.+)\.$", said, re.MULTILINE)
    everywhere = re.sub(r"^models = .*$", f"models = {names.split(', ')}", snippet(said), flags=re.MULTILINE)
    done = pasted(everywhere, tmp_path)

    answers = [name for name in names.split(", ") if re.search(rf"^{name}: .*paper", done.stdout, re.MULTILINE)]
    assert (len(answers), done.stdout.count("'ready'"), "deleted: True" in done.stdout) == (7, 7, True), done


def test_commands_reach_the_demos_database_by_its_configuration(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        said = printed(running)
        command = [sys.executable, "-m", "managed_files", "keys", "create"]
        command += ["--config", str(tmp_path / "demo" / "config.yaml")]
        shell = environment(MANAGED_FILES_DATA_DIR=str(tmp_path))  # as one that the demo was started in
        made = subprocess.run(command, cwd=REPOSITORY, env=shell, capture_output=True, text=True, check=True)
        done = pasted(snippet(said).replace("sk-1234", made.stdout.strip()), tmp_path)
    assert _STORY.fullmatch(done.stdout), done


def test_ctrl_c_ends_the_demo_cleanly(tmp_path: Path) -> None:
    with demo(tmp_path) as running:
        printed(running)
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(30) == 0


def test_make_run_is_the_demo_without_a_configuration(tmp_path: Path) -> None:
    assert dry_run(tmp_path) == "demo"


def test_make_run_serves_the_configuration_that_there_is(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").touch()
    assert dry_run(tmp_path) == "serve --config config.yaml"


def test_make_run_serves_the_configuration_that_is_named(tmp_path: Path) -> None:
    assert dry_run(tmp_path, "CONFIG=missing.yaml") == "serve --config missing.yaml"
