"""Listing, reading and refusing files, as the SDKs ask for them."""

from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.http import parse_options_header

from managed_files.ids import new_file_id
from managed_files.sandbox.faults import Fault
from tests.gateway import BOUNDARY, CONTENT, FORM, GEMINI, GPT, TARGETS, Bench, StandIns, form, settings_for
from tests.gateway_fixtures import Sql

HALF_ANCHOR = TARGETS | {"expires_after[anchor]": "created_at"}
HALF_SECONDS = TARGETS | {"expires_after[seconds]": "3600"}
REFUSED: dict[str, tuple[bytes, str | None]] = {
    "empty file": (form(TARGETS, b""), "file"),
    "no purpose": (form({"target_model_names": GPT}, CONTENT), "purpose"),
    "unknown purpose": (form(TARGETS | {"purpose": "fun"}, CONTENT), "purpose"),
    "no targets": (form({"purpose": "user_data"}, CONTENT), "target_model_names"),
    "unknown target": (form(TARGETS | {"target_model_names": f"{GPT}, x"}, CONTENT), "target_model_names"),
    "no seconds": (form(HALF_ANCHOR, CONTENT), "expires_after[seconds]"),
    "no anchor": (form(HALF_SECONDS, CONTENT), "expires_after[anchor]"),
    "life too short": (form(HALF_ANCHOR | {"expires_after[seconds]": "3599"}, CONTENT), "expires_after[seconds]"),
    "life too long": (form(HALF_ANCHOR | {"expires_after[seconds]": "2592001"}, CONTENT), "expires_after[seconds]"),
    "unknown anchor": (form(HALF_SECONDS | {"expires_after[anchor]": "now"}, CONTENT), "expires_after[anchor]"),
    "NUL in a name": (form(TARGETS, CONTENT, filename="a\0.pdf"), "file"),
    "turned name": (form(TARGETS, CONTENT, filename="a\u202efdp.exe"), "file"),
    "endless name": (form(TARGETS, CONTENT, filename="a" * 10_000), "file"),
    "name of a folder": (form(TARGETS, CONTENT, filename="../.."), "file"),
    "NUL in a field": (form(TARGETS | {"target_model_names": "gpt\0"}, CONTENT), "target_model_names"),
    "cut off": (form(TARGETS, CONTENT)[:-30], None),
    "no form at all": (b"hello", None),
    "no parts": (f"--{BOUNDARY}--\r\n".encode(), "file"),
}
ROWS = "SELECT (SELECT count(*) FROM files), (SELECT count(*) FROM copies)"


def listed(bench: Bench, query: str = "") -> tuple[list[str], bool]:
    """Ids of a page, and whether there are more."""
    page = bench.call("GET", f"/files{query}").json or {}
    assert (page["first_id"], page["last_id"]) == (
        (page["data"][0]["id"], page["data"][-1]["id"]) if page["data"] else (None, None)
    )
    return [file["id"] for file in page["data"]], page["has_more"]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_bad_form_is_refused_and_leaves_nothing(name: str, bench: Bench, sql: Sql) -> None:
    body, param = REFUSED[name]
    answer = bench.call("POST", "/files", data=body, content_type=FORM)
    error = (answer.json or {})["error"]
    told = answer.status_code, error["type"], error["param"]
    assert (told, bench.stand_ins.counts(), sql(ROWS)) == (
        (400, "invalid_request_error", param),
        {"openai": 0, "azure": 0, "google": 0},
        [(0, 0)],
    )


def test_a_file_that_is_too_large_is_refused_unread(url: str, stand_ins: StandIns) -> None:
    bench = Bench(settings_for(url, stand_ins, max_file_size_mb=1), stand_ins)
    read: list[bool] = []
    answer = bench.feed(lambda: read.append(bool(stand_ins.openai.requests)), length=3 << 20)
    bench.close()
    assert (answer.status_code, (answer.json or {})["error"]["param"], stand_ins.calls("/v1/files")) == (413, "file", 0)


def test_a_chunked_file_that_grows_too_large_leaves_nothing(url: str, stand_ins: StandIns, sql: Sql) -> None:
    bench = Bench(settings_for(url, stand_ins, max_file_size_mb=1), stand_ins)
    answer = bench.feed(form(TARGETS, bytes(2 << 20)), length=None)
    bench.close()
    assert (answer.status_code, stand_ins.counts()["google"], sql(ROWS)) == (413, 0, [(0, 0)])


@pytest.mark.parametrize("name", ["naïve résumé.pdf", "файл.pdf", "with space.pdf", "a'b%20c#?.pdf"])
def test_names_come_back_as_sent(name: str, bench: Bench) -> None:
    assert (bench.upload(f"{GPT}, {GEMINI}", filename=name).json or {})["filename"] == name


def test_pages_newest_first(bench: Bench) -> None:
    newest, middle, oldest = reversed([bench.stored(GPT) for _ in range(3)])
    assert [listed(bench, query) for query in ("", "?limit=2", f"?limit=2&after={middle}", f"?after={oldest}")] == [
        ([newest, middle, oldest], False),
        ([newest, middle], True),
        ([oldest], False),
        ([], False),
    ]


def test_pages_oldest_first_of_one_purpose(bench: Bench) -> None:
    kinds = ("user_data", "assistants", "user_data")
    first, other, second = (bench.stored(GPT, purpose=purpose) for purpose in kinds)
    queries = (
        "?order=asc&purpose=user_data",
        f"?order=asc&after={first}",
        "?purpose=vision",
        "?purpose=&after=&limit=1",
    )
    assert [listed(bench, query) for query in queries] == [
        ([first, second], False),
        ([other, second], False),
        ([], False),
        ([second], True),
    ]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("limit=x", "limit"),
        ("order=up", "order"),
        ("limit=-1", "limit"),
    ],
)
def test_a_bad_query_is_refused(query: str, param: str, bench: Bench) -> None:
    answer = bench.call("GET", f"/files?{query}")
    assert (answer.status_code, (answer.json or {})["error"]["param"]) == (400, param)


def test_an_unknown_cursor_lists_nothing(bench: Bench) -> None:
    bench.stored(GPT)
    assert listed(bench, f"?after={new_file_id()}") == ([], False)


@pytest.mark.parametrize(
    ("targets", "purpose"), [(GEMINI, "user_data"), (f"{GPT}, {GEMINI}", "user_data"), (GPT, "vision")]
)
def test_content_comes_from_a_provider_that_gives_it_back(targets: str, purpose: str, bench: Bench) -> None:
    file_id = bench.stored(targets, purpose=purpose)
    answer = bench.call("GET", f"/v1/files/{file_id}/content")
    assert (answer.status_code, answer.data, answer.content_length) == (200, CONTENT, len(CONTENT))


@pytest.mark.parametrize("name", ["paper 1.pdf", "rés.pdf", '文 "😀".pdf'])
def test_content_comes_under_the_files_name(name: str, bench: Bench) -> None:
    file_id = bench.stored(GEMINI, filename=name.replace('"', "%22"))
    header = bench.call("GET", f"/files/{file_id}/content").headers["Content-Disposition"]
    assert (parse_options_header(header), header.isascii()) == (("attachment", {"filename": name}), True)


# The last one breaks after the head of its answer and before the first byte of the file.
BREAKS: list[dict[str, Any]] = [{"status": 500}, {"cut": "mid_stream", "pieces": 0}]


def test_content_that_nobody_gives_back_says_who_holds_it(bench: Bench) -> None:
    answer = bench.call("GET", f"/files/{bench.stored(GPT)}/content")
    message = (answer.json or {})["error"]["message"]
    assert (answer.status_code, "held by openai, and none of them returns" in message) == (400, True)


@pytest.mark.parametrize("fault", BREAKS)
def test_content_of_a_provider_that_breaks_is_a_bad_gateway(fault: dict[str, Any], bench: Bench) -> None:
    file_id = bench.stored(GEMINI)
    bench.stand_ins.google.inject(Fault(method="GET", path="/storage", **fault))
    assert bench.call("GET", f"/files/{file_id}/content").status_code == 502


@pytest.mark.parametrize("fault", BREAKS)
def test_content_comes_from_another_copy_where_a_provider_breaks(fault: dict[str, Any], bench: Bench) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}", purpose="vision")
    bench.stand_ins.openai.inject(Fault(method="GET", path="/v1/files", times=None, **fault))
    answer = bench.call("GET", f"/files/{file_id}/content")
    assert (answer.status_code, answer.data) == (200, CONTENT)


ODD_PATHS: list[Callable[[str], str]] = [
    lambda file_id: f"/files/{file_id}%00",
    lambda file_id: f"/files/{file_id}x",
    lambda file_id: f"/files/%F0%9F%92%A9{'x' * 3000}",
    lambda file_id: "/files/..%2f..%2fetc",
]


@pytest.mark.parametrize("path", range(len(ODD_PATHS)))
def test_odd_ids_are_not_found(path: int, bench: Bench) -> None:
    answer: Any = bench.call("GET", ODD_PATHS[path](bench.stored(GPT)))
    assert (answer.status_code, "error" in answer.json) == (404, True)
