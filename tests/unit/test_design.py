"""docs/design.md draws the layers that are there."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_every_module_stands_in_the_picture_of_the_layers() -> None:
    page = (REPOSITORY / "docs" / "design.md").read_text()
    drawn = re.findall(r"\w+", page.partition("## Layers\n")[2].partition("Imports point down")[0])
    there = {path.stem for path in (REPOSITORY / "managed_files").iterdir() if not path.stem.startswith("__")}
    assert there - set(drawn) == set()


def test_every_library_has_its_reasons() -> None:
    chosen = re.findall(r"^([\w-]+)", (REPOSITORY / "requirements.txt").read_text(), re.MULTILINE)
    page = (REPOSITORY / "docs" / "design.md").read_text().partition("### Libraries\n")[2]
    rows = " ".join(re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE))
    assert [name for name in chosen if not name.startswith("-") and name not in rows] == []
