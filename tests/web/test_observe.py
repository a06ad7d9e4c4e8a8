"""What every answer carries and what the log says of it."""

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from managed_files.web import observe
from tests.gateway import CONTENT, GEMINI, GPT, Bench, file_part

REQUEST_ID = re.compile(r"req_[0-9a-f]{24}")
ANSWERS: dict[int, Callable[[Bench], Any]] = {
    200: lambda bench: bench.call("GET", "/models"),
    400: lambda bench: bench.upload(""),
    401: lambda bench: bench.call("GET", "/models", None),
    403: lambda bench: bench.call("GET", "/key/list", bench.key("somebody")),
    404: lambda bench: bench.call("GET", "/nowhere"),
    405: lambda bench: bench.call("PATCH", "/files"),
    415: lambda bench: bench.call("POST", "/files", data=b"x", content_type="text/plain"),
}


@pytest.mark.parametrize("status", sorted(ANSWERS))
def test_every_answer_carries_a_request_id(status: int, bench: Bench) -> None:
    answer = ANSWERS[status](bench)
    assert (answer.status_code, REQUEST_ID.fullmatch(answer.headers["x-request-id"]) is not None) == (status, True)


@pytest.mark.parametrize("status", sorted(set(ANSWERS) - {200}))
def test_every_error_is_openais_envelope(status: int, bench: Bench) -> None:
    answer = ANSWERS[status](bench)
    error = (answer.json or {})["error"]
    assert (answer.content_type, list(error), type(error["message"])) == (
        "application/json",
        ["message", "type", "param", "code"],
        str,
    )


def test_an_unforeseen_error_is_an_envelope_too_and_tells_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> str:
        raise RuntimeError("/secret/path")

    bench.app.add_url_rule("/broken", view_func=broken)
    answer = bench.call("GET", "/broken")
    logged = [record.exc_info is not None for record in caplog.records if record.name == "managed_files.web.errors"]
    assert (answer.status_code, "/secret" in answer.text, "x-request-id" in answer.headers, logged) == (
        500,
        False,
        True,
        [True],
    )


def test_a_method_that_is_not_allowed_says_which_are(bench: Bench) -> None:
    assert sorted(bench.call("PATCH", "/files").headers["Allow"].split(", ")) == ["GET", "HEAD", "OPTIONS", "POST"]


def test_the_line_of_an_upload(bench: Bench, facts: list[dict[str, Any]]) -> None:
    answer = bench.upload(GPT)
    line = facts[-1]
    assert (line.pop("milliseconds") > 0, line) == (
        True,
        {
            "id": answer.headers["x-request-id"],
            "route": "POST /files",
            "status": 200,
            "model": None,
            "bytes": len(CONTENT),
            "statements": 4,  # plan, record the copy, settle, read
            "upstream_calls": 1,
        },
    )


def test_the_line_of_a_stream_is_written_at_its_end(bench: Bench, facts: list[dict[str, Any]]) -> None:
    body = {"model": GPT, "messages": [{"role": "user", "content": "hi"}], "stream": True}
    client = bench.app.test_client()
    answer = client.post("/v1/chat/completions", json=body, headers={"api-key": "sk-master-0123456789-abcdef"})
    before = len(facts)
    answer.get_data()
    answer.close()
    assert (before, [(line["route"], line["model"]) for line in facts]) == (0, [("POST /v1/chat/completions", GPT)])


def test_the_route_of_a_line_holds_no_id(bench: Bench, facts: list[dict[str, Any]]) -> None:
    bench.call("GET", "/files/file-mf-" + "a" * 32)
    assert facts[-1]["route"] == "GET /files/<file_id>"


def test_what_a_stranger_calls_a_model_is_cut_and_cannot_steer_a_terminal(
    bench: Bench, facts: list[dict[str, Any]]
) -> None:
    bench.chat("\x1b[2J\n" + "x" * 1000)
    shown = observe.ForPeople().format(logging.makeLogRecord({"facts": facts[-1]}))
    assert (shown.isprintable(), r"\x1b[2J\nxxx" in shown, len(facts[-1]["model"])) == (True, True, 200)


def test_lines_are_json_for_machines_and_words_for_people() -> None:
    record = logging.makeLogRecord({"name": "managed_files.requests", "levelname": "INFO", "levelno": logging.INFO})
    facts = {"id": "req_1", "route": "GET /files", "status": 200, "model": None, "bytes": 7}
    vars(record)["facts"] = facts
    people = observe.ForPeople().format(record).partition(" ")[2]
    machines = json.loads(observe.JSONLines().format(record))
    machines.pop("time")
    assert (people, machines) == (
        "200 GET /files id=req_1 bytes=7",
        {"level": "INFO", "logger": "managed_files.requests", **facts},
    )


def test_two_requests_do_not_share_their_figures(bench: Bench, facts: list[dict[str, Any]]) -> None:
    file_id = bench.stored(f"{GPT}, {GEMINI}")
    for _ in range(2):
        bench.chat(GPT, file_part(file_id))
    assert (facts[-1]["id"] != facts[-2]["id"], facts[-1]["statements"]) == (True, 1)
