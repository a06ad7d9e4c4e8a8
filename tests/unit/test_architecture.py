"""House rules that no linter knows: what every module says of itself, how long it may be, and who adapters know."""

import ast
import tomllib
from pathlib import Path

from managed_files.providers.registry import PROVIDERS

ROOT = Path(__file__).parents[2]
PACKAGE = sorted([*(ROOT / "managed_files").rglob("*.py"), ROOT / "app.py", ROOT / "wsgi.py"])
EVERYTHING = sorted([*PACKAGE, *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")])
MAX_LINES, MAX_FUNCTION_LINES = 300, 40


def test_every_module_opens_with_what_it_knows() -> None:
    assert [str(path) for path in EVERYTHING if not _first_line(path).endswith((".", ":", "!"))] == []


def test_every_module_is_short_enough_to_read() -> None:
    assert [str(path) for path in EVERYTHING if len(path.read_text("utf-8").splitlines()) > MAX_LINES] == []


def test_every_function_fits_on_a_screen() -> None:
    functions = [
        node
        for path in PACKAGE
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    assert [node.name for node in functions if _body_lines(node) > MAX_FUNCTION_LINES] == []


def test_the_import_contract_of_adapters_names_every_provider() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    named = next(contract["modules"] for contract in contracts if contract["id"] == "adapters")
    assert set(named) == {adapter.__module__ for adapter in PROVIDERS.values()}


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


def _body_lines(function: ast.FunctionDef) -> int:
    """Lines of a function without those of its signature, its docstring and the functions inside it."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    inner = [node for node in body if isinstance(node, ast.FunctionDef)]
    lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
    return lines - sum((node.end_lineno or 0) - node.lineno + 1 for node in inner)
