"""Lines out of a CSV and a prompt: what is filled in, what ids are, and what is wrong with a table."""

import csv
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from managed_files.batch_cli.table import Recipe, Template, lines
from managed_files.errors import InvalidRequest


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "data.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def made(path: Path, prompt: str = "{a}", **recipe: Any) -> list[dict[str, Any]]:
    system = recipe.pop("system", None)
    built = Recipe("gpt", Template(prompt), system and Template(system), **recipe)
    return [json.loads(line) for line in lines(path, built)]


def prompts(path: Path, prompt: str = "{a}") -> list[str]:
    return [line["body"]["messages"][-1]["content"] for line in made(path, prompt)]


def refusal(path: Path, prompt: str = "{a}", **recipe: Any) -> str:
    with pytest.raises(InvalidRequest) as refused:
        made(path, prompt, **recipe)
    return refused.value.message.removeprefix(f"{path}")


def test_a_row_is_a_line_of_openais(tmp_path: Path) -> None:
    path = table(tmp_path, "key,text,language\nq1,Guten Tag,French\n")
    found = made(path, "Translate {text} to {language}", system="Be {key}.", id_column="key", fields={"temperature": 0})
    assert found == [
        {
            "custom_id": "q1",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": "gpt",
                "messages": [
                    {"role": "system", "content": "Be q1."},
                    {"role": "user", "content": "Translate Guten Tag to French"},
                ],
                "temperature": 0,
            },
        }
    ]


def test_without_an_id_column_rows_are_counted(tmp_path: Path) -> None:
    path = table(tmp_path, 'a\n"x\ny"\n\nz\n')
    assert [line["custom_id"] for line in made(path)] == ["row-1", "row-2"]


def test_text_is_not_escaped(tmp_path: Path) -> None:
    [line] = lines(table(tmp_path, "a\nüber\n"), Recipe("gpt", Template("{a}")))
    assert "über".encode() in line


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("{{a}}", "{a}"),
        ("{{{a}}}", "{1}"),
        ('{{"k": "{a}"}}', '{"k": "1"}'),
        ("{a}{a}{b c}", "11{x}"),
        ("{a.b}{a:c}{a!r}", "dot colon bang"),
        ("", ""),
    ],
)
def test_braces(prompt: str, said: str, tmp_path: Path) -> None:
    assert prompts(table(tmp_path, "a,b c,a.b,a:c,a!r\n1,{x},dot, colon, bang\n"), prompt) == [said]


@pytest.mark.parametrize("prompt", ["a {", "a }", "{}", "{a", "a}", "{a{b}}", "{{a}"])
def test_a_lone_brace_is_refused(prompt: str) -> None:
    with pytest.raises(InvalidRequest, match="lone brace"):
        Template(prompt)


def test_excels_mark_at_the_beginning_is_no_part_of_a_column(tmp_path: Path) -> None:
    assert prompts(table(tmp_path, b"\xef\xbb\xbfa\r\n1\r\n")) == ["1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("b,c\n1,2\n", ": it has no column 'a'. Its columns: b, c. A brace itself is written {{ or }}."),
        ("a,a\n1,2\n", ": it has more than one column 'a'. Its columns: a, a. A brace itself is written {{ or }}."),
        ("", ": it has no column 'a'. Its columns: none. A brace itself is written {{ or }}."),
        ("a,b\n1,2\n1\n", ", line 3: 1 cells, but the header has 2."),
        ('a,b\n"1\n\n1",2\n1,2,3\n', ", line 5: 3 cells, but the header has 2."),
        ('a\n"1" 2\n', ", line 2: it is not CSV: ',' expected after '\"'."),
        ("a\n\xe4\n".encode("latin-1"), ": it is not in UTF-8. Save it so."),
    ],
)
def test_what_is_wrong_with_a_table_is_named(text: str | bytes, said: str, tmp_path: Path) -> None:
    assert refusal(table(tmp_path, text)) == said


def test_two_rows_of_one_id_are_named_with_both_lines(tmp_path: Path) -> None:
    path = table(tmp_path, 'id,a\nx,"1\n2"\n\ny,1\nx,2\n')
    said = ", line 6: the id 'x' stands in line 2 too; each row needs its own."
    assert refusal(path, id_column="id") == said


@pytest.mark.parametrize("text", ["", "w\n", "w\n\n"])
def test_a_table_without_rows_is_refused(tmp_path: Path, text: str) -> None:
    assert refusal(table(tmp_path, text), "x") == ": it has no rows below its header."


def test_an_empty_id_is_named_with_its_line(tmp_path: Path) -> None:
    assert refusal(table(tmp_path, "id,a\n,1\n"), id_column="id") == ", line 2: the column 'id' is empty."


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.csv") == ": it cannot be read: No such file or directory."


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = table(tmp_path, "a\n" + f"{'x' * 1000}\n" * 20_000)
    tracemalloc.start()
    count = sum(1 for _ in lines(path, Recipe("gpt", Template("{a}"))))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (count, peak < 1_000_000) == (20_000, True)


cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=5))
@settings(deadline=None)
def test_cells_arrive_as_they_were(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.mktemp("table") / "data.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("a", "b"), *rows])
    assert prompts(path, "{a}|{b}") == [f"{a}|{b}" for a, b in rows]


@given(st.text(max_size=30))
@settings(deadline=None)
def test_any_text_is_a_template_of_itself_once_its_braces_are_doubled(text: str) -> None:
    assert Template(text.replace("{", "{{").replace("}", "}}")).filled({}) == text
