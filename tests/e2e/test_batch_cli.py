"""The command `batches` in processes of its own against the real gateway: from a table to its answers."""

import json
from pathlib import Path

import pytest

from tests.command import command
from tests.e2e.gateway import MASTER_KEY, Gateway
from tests.e2e.providers import GPT


@pytest.fixture(autouse=True)
def named(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names the gateway, as a user of OpenAI's SDK would."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"{gateway.url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", MASTER_KEY)


def told(*arguments: str) -> str:
    """What the command prints."""
    with command(*arguments) as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def test_from_a_table_to_its_answers(folder: Path) -> None:
    table, answers = folder / "words.csv", folder / "answers.jsonl"
    table.write_text("word\n" + "".join(f"word {number}\n" for number in range(200)), "utf-8")
    batch_id = told("submit", "--csv", str(table), "--prompt", "Explain {word}", "--model", GPT, "--watch").strip()
    told("fetch", batch_id, "-o", str(answers))
    found = [json.loads(line) for line in answers.read_text("utf-8").splitlines()]
    assert {line["custom_id"]: line["response"]["status_code"] for line in found} == {
        f"row-{number}": 200 for number in range(1, 201)
    }
