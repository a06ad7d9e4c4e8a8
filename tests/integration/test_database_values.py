"""Statements that answer with one JSON value, asked by libpq alone: values, failures, dead connections."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from psycopg.errors import DivisionByZero, UndefinedTable

from managed_files.database import Database
from managed_files.errors import InvalidRequest
from managed_files.queries import Query
from tests.gateway import GPT, Bench
from tests.integration.test_database import kill_all

ECHO = Query("value", "Twice one, once the other.", "SELECT json_build_array(%(a)s::text, %(b)s::int, %(a)s::text)")
NO_ROW = Query("no_row", "Nothing.", "SELECT '1'::json WHERE false")
NO_TABLE = Query("no_table", "A statement that cannot be prepared.", "SELECT to_json(a) FROM nowhere")
DIVISION = Query("division", "A statement that can fail.", "SELECT to_json(6 / %(by)s::int)")


@pytest.mark.parametrize(
    ("query", "params", "value"),
    [
        (ECHO, {"a": 'é", \\ {', "b": "7"}, ['é", \\ {', 7, 'é", \\ {']),
        (ECHO, {"a": None, "b": None}, [None, None, None]),
        (ECHO, {"a": "", "b": "0"}, ["", 0, ""]),
        (NO_ROW, {}, None),
    ],
    ids=["text and number", "null", "empty", "no row"],
)
def test_a_value(query: Query, params: dict[str, str | None], value: Any, database: Database) -> None:
    assert [database.read_value(query, params) for _ in range(7)] == [value] * 7


def test_a_text_with_nul_is_refused_and_not_cut_short(database: Database) -> None:
    with pytest.raises(InvalidRequest, match="NUL"):
        database.read_value(ECHO, {"a": "x\0y", "b": "1"})


def test_a_value_of_the_wrong_kind_is_refused(database: Database) -> None:
    with pytest.raises(InvalidRequest):
        database.read_value(ECHO, {"a": "x", "b": "seven"})


def test_a_failed_statement_says_why_and_can_be_asked_again(database: Database) -> None:
    with pytest.raises(UndefinedTable):
        database.read_value(NO_TABLE, {})
    with pytest.raises(InvalidRequest) as caught:
        database.read_value(DIVISION, {"by": "0"})
    assert (type(caught.value.__cause__), database.read_value(DIVISION, {"by": "3"})) == (DivisionByZero, 2)


def test_values_survive_the_death_of_every_connection(database: Database, url: str, server_url: str) -> None:
    asked: list[dict[str, str | None]] = [{"a": "x", "b": str(number)} for number in range(16)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda params: database.read_value(ECHO, params), asked))
        kill_all(url, server_url)
        values = list(threads.map(lambda params: database.read_value(ECHO, params), asked))
    assert values == [["x", number, "x"] for number in range(16)]


def test_a_chat_survives_a_restart_of_the_database(bench: Bench, url: str, server_url: str) -> None:
    bench.stored(GPT)
    first = bench.chat(GPT).status_code
    kill_all(url, server_url)
    assert (first, bench.chat(GPT).status_code) == (200, 200)
