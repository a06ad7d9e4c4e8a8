"""docs/design.md draws the layers that are there."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_every_module_stands_in_the_picture_of_the_layers() -> None:
    page = (REPOSITORY / "docs" / "design.md").read_text()
    drawn = re.findall(r"\w+", page.partition("## Layers\n")[2].partition("Imports point down")[0])
    there = {path.stem for path in (REPOSITORY / "managed_files").iterdir() if not path.stem.startswith("__")}
    assert there - set(drawn) == set()
