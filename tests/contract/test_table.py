"""README's table of providers is what the adapters say of themselves, and what they say is true."""

import re
from pathlib import Path
from typing import Any

import pytest

from managed_files.dialects.base import PARTS
from managed_files.dialects.registry import DIALECTS
from managed_files.errors import Inexpressible
from managed_files.providers.registry import PROVIDERS
from managed_files.providers.table import batch_table, table
from tests.contract.benches import BENCHES, Bench

README = Path(__file__).parents[2] / "README.md"
BATCHES = README.with_name("docs") / "batches.md"
SAMPLES: dict[str, Any] = {
    "text": "hello",
    "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="},
    "input_audio": {"data": "UklGRiQAAABXQVZF", "format": "wav"},
    "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQ="},
}


def expressible(bench: type[Bench], kind: str) -> bool:
    """Whether the provider's dialect has a word for such a part."""
    body = {"messages": [{"role": "user", "content": [{"type": kind, kind: SAMPLES[kind]}]}]}
    try:
        DIALECTS[PROVIDERS[bench.name].dialect].request(body, bench.model)
    except Inexpressible:
        return False
    return True


def shown(path: Path, name: str) -> str:
    """What stands between a document's markers."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", path.read_text("utf-8"), re.DOTALL)
    assert found is not None, f"{path.name} has lost its markers"
    return found[1].strip()


def test_readme_shows_the_table() -> None:
    printed = "put the output of `python -m managed_files.providers.table` there"
    assert shown(README, "providers") == table().strip(), printed


def test_the_page_on_batches_shows_its_table() -> None:
    printed = "put the output of `python -m managed_files.providers.table batches` there"
    assert shown(BATCHES, "batches") == batch_table().strip(), printed


@pytest.mark.parametrize("bench", BENCHES, ids=lambda bench: bench.name)
def test_the_parts_are_those_that_the_dialect_takes(bench: type[Bench]) -> None:
    parts = tuple(kind for kind in PARTS if expressible(bench, kind))
    assert parts == DIALECTS[PROVIDERS[bench.name].dialect].parts


@pytest.mark.parametrize(
    "bench", [bench for bench in BENCHES if PROVIDERS[bench.name].stores_files], ids=lambda bench: bench.name
)
def test_what_is_given_back_is_what_the_contract_is_tested_for(bench: type[Bench]) -> None:
    tested = {(True, True): "yes", (True, False): "not `user_data`", (False, False): "no"}
    assert PROVIDERS[bench.name].gives_back == tested[bench.gives_bytes_back, bench.returns_content]
