"""The command `batches` against a gateway that serves HTTP: what it prints, what it writes, how it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.batching import Json, created, jsonl, line, ran, uploaded
from tests.command import Run, command, runner, served
from tests.gateway import GEMINI, GPT, GPT_BIG, MASTER_KEY, Bench

CHAT = "/v1/chat/completions"


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    return runner(capfd)


@pytest.fixture(autouse=True)
def gateway(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The one that the environment names."""
    with served(bench) as address:
        monkeypatch.setenv("MANAGED_FILES_BASE_URL", address)
        monkeypatch.setenv("MANAGED_FILES_API_KEY", MASTER_KEY)
        yield bench


def on_disk(folder: Path, *lines: Json) -> str:
    path = folder / "lines.jsonl"
    path.write_bytes(jsonl(*lines))
    return str(path)


def by_id(text: str) -> dict[str, Json]:
    return {item["custom_id"]: item for item in map(json.loads, text.splitlines())}


def batch_of(bench: Bench, batch_id: str) -> Json:
    return dict(bench.call("GET", f"/batches/{batch_id}").get_json())


def files(bench: Bench) -> list[tuple[str, str]]:
    """Name and purpose of every file that callers see."""
    return [(file["filename"], file["purpose"]) for file in bench.call("GET", "/files").get_json()["data"]]


def test_submit_prints_the_id_alone(run: Run, bench: Bench, tmp_path: Path) -> None:
    bench.stand_ins.openai.hold_batches()
    options = ["--metadata", "team=a=b", "--metadata", "n=1"]
    done = run("submit", on_disk(tmp_path, line("a"), line("b")), *options)
    batch = batch_of(bench, done.out.strip())
    assert (done.status, done.err, batch["completion_window"], batch["metadata"], files(bench)) == (
        0,
        "",
        "24h",
        {"team": "a=b", "n": "1"},
        [("lines.jsonl", "batch")],
    )


def test_lines_come_through_a_pipe(bench: Bench) -> None:
    bench.stand_ins.openai.hold_batches()
    with command("submit", "-", stdin=subprocess.PIPE) as process:
        out, _ = process.communicate(jsonl(line("a"), line("b")).decode(), timeout=20)
    assert (batch_of(bench, out.strip())["request_counts"]["total"], files(bench)) == (2, [("stdin", "batch")])


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "batches.md").read_text()
    program = page.partition("```python\n")[2].partition("```")[0]
    ours = {
        "http://0.0.0.0:4000": os.environ["MANAGED_FILES_BASE_URL"],
        "sk-1234": MASTER_KEY,
        "sleep(2)": "sleep(0.1)",
    }
    for theirs, mine in {**ours, "gpt-4o-mini-openai": GPT, "gemini-2.0-flash": GEMINI}.items():
        program = program.replace(theirs, mine)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stderr, len(by_id(done.stdout.rstrip()))) == ("", 100)


def test_submit_names_targets_and_which_of_them_answers(run: Run, bench: Bench, tmp_path: Path) -> None:
    done = run("submit", on_disk(tmp_path, line("a")), "--targets", f"{GPT},{GPT_BIG}", "--model", GPT_BIG)
    assert batch_of(bench, done.out.strip())["model"] == GPT_BIG


def test_from_a_csv_to_the_answers(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("key,text\nü,Guten Tag\nb,Hello\n", "utf-8")
    source = ["--csv", str(tmp_path / "data.csv"), "--id-column", "key"]
    prompt = ["--prompt", "Translate {text}", "--system", "Be brief", "--model", GPT, "--set", "temperature=0"]
    submitted = run("submit", *source, *prompt, "--watch", "--interval", "0.1")
    batch_id = submitted.out.strip()
    fetched = run("fetch", batch_id)
    said = {name: item["response"]["status_code"] for name, item in by_id(fetched.out).items()}
    assert (submitted.status, submitted.err.splitlines()[-1], fetched.status, fetched.err, said) == (
        0,
        f"{batch_id} completed: 2 of 2 lines done, 0 of them failed",
        0,
        "",
        {"ü": 200, "b": 200},
    )


def test_fetch_writes_whole_files(run: Run, bench: Bench, tmp_path: Path) -> None:
    batch = ran(bench, line("good"), line("bad", temperature=9))
    (tmp_path / "out").write_text("older")
    done = run("fetch", batch["id"], "-o", str(tmp_path / "out"), "--errors", str(tmp_path / "err"))
    written = {path.name: list(by_id(path.read_text())) for path in tmp_path.iterdir()}
    assert (done.status, done.out, done.err, written) == (0, "", "", {"out": ["good"], "err": ["bad"]})


def test_fetch_tells_of_lines_that_it_was_not_asked_for(run: Run, bench: Bench, tmp_path: Path) -> None:
    batch = ran(bench, line("bad", temperature=9))
    done = run("fetch", batch["id"], "-o", str(tmp_path / "out"))
    assert (done.status, done.err, (tmp_path / "out").read_bytes()) == (
        0,
        "Lines that were not answered: 1. --errors FILE gets them.\n",
        b"",
    )


def test_answers_and_errors_do_not_share_a_file(run: Run, tmp_path: Path) -> None:
    done = run("fetch", "batch_1", "-o", str(tmp_path / "all"), "--errors", str(tmp_path / "." / "all"))
    assert done.status.endswith("cannot take the answers and the errors: one would replace the other.")


def test_a_batch_that_runs_has_nothing_to_fetch(run: Run, bench: Bench, tmp_path: Path) -> None:
    bench.stand_ins.openai.hold_batches()
    batch = created(bench, uploaded(bench, line("a")))
    done = run("fetch", batch["id"], "-o", str(tmp_path / "out"))
    assert (done.status.endswith("there is nothing to fetch yet."), list(tmp_path.iterdir())) == (True, [])


def test_status_in_words_and_as_json(run: Run, bench: Bench) -> None:
    batch = ran(bench, line("good"), line("bad", temperature=9))
    words, shape = run("status", batch["id"]), run("status", batch["id"], "--json")
    assert (words.status, words.out.splitlines(), json.loads(shape.out)) == (
        0,
        [
            f"{batch['id']} completed: 2 of 2 lines done, 1 of them failed",
            f"  {GPT} at openai completed: 1 of 2 answered",
            f"  output {batch['output_file_id']}",
            f"  errors {batch['error_file_id']}",
        ],
        batch,
    )


def test_a_refused_batch_leaves_no_file(run: Run, bench: Bench, tmp_path: Path) -> None:
    done = run("submit", on_disk(tmp_path, line("a")), "--window", "1m")
    assert (done.status, done.out, files(bench)) == (
        "managed-files: 400: 'completion_window' has to be 24h, or from 1h to 7d.",
        "",
        [],
    )


def test_lines_that_the_gateway_refuses_are_told(run: Run, tmp_path: Path) -> None:
    done = run("submit", on_disk(tmp_path, line("a"), line("a")))
    assert (done.out, done.status.startswith("managed-files: 400: The file cannot be run as a batch. line 2:")) == (
        "",
        True,
    )


def test_a_wrong_key_is_told_and_not_shown(run: Run, tmp_path: Path) -> None:
    done = run("submit", on_disk(tmp_path, *(line(str(number)) for number in range(20_000))), "--api-key", "sk-wrong")
    assert (done.status.startswith("managed-files: 401: "), "sk-wrong" in done.status + done.err + done.out) == (
        True,
        False,
    )


@pytest.mark.parametrize("address", ["127.0.0.1:4000", "ftp://127.0.0.1", "http://me:secret@127.0.0.1", "http://[x"])
def test_an_address_that_is_none(address: str, run: Run) -> None:
    said = "managed-files: The gateway's address has to be http(s)://host[:port], with or without /v1."
    assert run("status", "batch_1", "--base-url", address).status == said


def test_a_key_that_is_none_is_not_shown(run: Run) -> None:
    said = "managed-files: The API key is not one printable word."
    assert run("status", "batch_1", "--api-key", "sk-a\nb").status == said


def test_a_batch_that_is_not_there(run: Run) -> None:
    assert run("status", "none?a b").status == "managed-files: 404: No such Batch object: none?a b"


@pytest.mark.parametrize("text", ["", "..", "\udcff"])
def test_what_is_no_id(text: str, run: Run) -> None:
    assert run("status", text).status == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--csv", "data.csv"], "managed-files: --csv needs --prompt and --model."),
        (["--csv", "data.csv", "--prompt", "x"], "managed-files: --csv needs --prompt and --model."),
        (
            ["--csv", "data.csv", "--prompt", "x", "--model", GPT, "--endpoint", "/v1/embeddings"],
            f"managed-files: --csv makes lines for {CHAT} only.",
        ),
        (["lines.jsonl", "--prompt", "x"], "managed-files: --prompt goes with --csv only."),
        (["lines.jsonl", "--id-column", "x"], "managed-files: --id-column goes with --csv only."),
        (["no-such.jsonl"], "managed-files: no-such.jsonl cannot be read: No such file or directory."),
        (["lines.jsonl", "--csv", "data.csv"], 2),
        ([], 2),
        (["lines.jsonl", "--metadata", "x"], 2),
        (["--csv", "data.csv", "--set", "model=x"], 2),
        (["--csv", "", "--prompt", "x", "--model", GPT], "managed-files: .: it cannot be read: Is a directory."),
        (["lines.jsonl", "--interval", "-1"], 2),
        (["lines.jsonl", "--interval", "nan"], 2),
    ],
)
def test_what_cannot_be_submitted(arguments: list[str], said: Any, run: Run) -> None:
    assert run("submit", *arguments).status == said
