"""A batch through the gateway: from a file of lines to one merged output, whoever answered."""

import hashlib
from typing import Any

import pytest

from tests.batching import content, created, ended, line, looked_up, outcome, ran, said, uploaded
from tests.gateway import AZURE, CONTENT, GEMINI, GPT, GPT_BIG, Bench, file_part
from tests.openai_schema import assert_valid

ALL = (GPT, GPT_BIG, AZURE, GEMINI)
FUNCTIONS = {"functions": [{"name": "look", "parameters": {"type": "object"}}], "function_call": {"name": "look"}}


@pytest.mark.parametrize("fields", [{}, FUNCTIONS], ids=["text", "functions"])
def test_every_line_is_answered_as_in_a_chat_under_its_own_id(bench: Bench, fields: dict[str, Any]) -> None:
    batch = ran(bench, *(line(f"ü {model}", model, f"ask {model}", **fields) for model in ALL))
    answers = content(bench, batch["output_file_id"])
    chats = {
        f"ü {model}": bench.call("POST", "/chat/completions", json=line("", model, f"ask {model}", **fields)["body"])
        for model in ALL
    }
    expected = {name: chat.get_json()["choices"] for name, chat in chats.items()}
    assert {name: item["response"]["body"]["choices"] for name, item in answers.items()} == expected


def test_the_batch_and_its_lines_are_openais_objects(bench: Bench) -> None:
    batch = ran(bench, *(line(model, model) for model in ALL), metadata={"night": "1"})
    assert_valid("Batch", batch)
    for item in content(bench, batch["output_file_id"]).values():
        assert_valid("CreateChatCompletionResponse", item["response"]["body"])
    shown = {name: batch.get(name) for name in ("status", "request_counts", "metadata", "error_file_id", "errors")}
    assert shown == {
        "status": "completed",
        "request_counts": {"total": 4, "completed": 4, "failed": 0},
        "metadata": {"night": "1"},
        "error_file_id": None,
        "errors": None,
    }


def test_usage_is_that_of_all_answers(bench: Bench) -> None:
    batch = ran(bench, *(line(model, model) for model in ALL))
    bodies = [item["response"]["body"] for item in content(bench, batch["output_file_id"]).values()]
    assert batch["usage"]["total_tokens"] == sum(body["usage"]["total_tokens"] for body in bodies) > 0


def test_a_line_that_a_provider_refuses_is_in_the_error_file(bench: Bench) -> None:
    batch = ran(
        bench, *(line(model, model) for model in ALL), *(line(f"bad {m}", m, temperature=9) for m in (GPT, GEMINI))
    )
    assert (outcome(bench, batch), batch["request_counts"]) == (
        (sorted(ALL), {f"bad {GPT}": 400, f"bad {GEMINI}": 400}),
        {"total": 6, "completed": 4, "failed": 2},
    )


@pytest.mark.parametrize("model", [GPT, GEMINI, AZURE])
def test_a_line_names_a_file_by_its_unified_id(bench: Bench, model: str) -> None:
    part = file_part(bench.stored(f"{GPT}, {GEMINI}, {AZURE}"))
    batch = ran(bench, line("a", model, "What is this?", part))
    assert hashlib.sha256(CONTENT).hexdigest() in said(content(bench, batch["output_file_id"])["a"])


def test_half_a_surrogate_pair_comes_back_as_it_was_sent(bench: Bench) -> None:
    batch = ran(bench, *(line(model, model, "half: \ud83d") for model in ALL))
    answers = content(bench, batch["output_file_id"])
    assert {model: "half: \ud83d" in said(item) for model, item in answers.items()} == dict.fromkeys(ALL, True)


def test_sizes_of_output_and_error_files_are_true(bench: Bench) -> None:
    batch = ran(bench, line("good"), line("bad", temperature=9))
    ids = [batch["output_file_id"], batch["error_file_id"]]
    told = [bench.call("GET", f"/files/{file_id}").get_json()["bytes"] for file_id in ids]
    assert told == [len(bench.call("GET", f"/files/{file_id}/content").data) for file_id in ids]


def test_with_targets_every_one_of_them_can_run_the_whole_file(bench: Bench) -> None:
    file_id = uploaded(bench, line("a", "whatever"), line("b", "you like"), targets=f"{GPT}, {GEMINI}")
    batches = [ended(bench, created(bench, file_id, **fields)["id"]) for fields in ({}, {"model": GEMINI})]
    ran_at = [(batch["model"], [part["provider"] for part in batch["parts"]]) for batch in batches]
    assert (ran_at, [outcome(bench, batch) for batch in batches]) == (
        [(GPT, ["openai"]), (GEMINI, ["vertex_ai"])],
        [(["a", "b"], {})] * 2,
    )


def test_a_retry_runs_at_the_same_target(bench: Bench) -> None:
    file_id = uploaded(bench, line("bad", "whatever", temperature=9), targets=f"{GPT}, {GEMINI}")
    batch = ended(bench, created(bench, file_id, model=GEMINI)["id"])
    again = bench.call("POST", f"/batches/{batch['id']}/retry").get_json()
    assert [(item["model"], item["parts"][0]["model_group"]) for item in (batch, again)] == [(GEMINI, GEMINI)] * 2


def test_the_default_target_is_the_one_that_the_lines_name(bench: Bench) -> None:
    file_id = uploaded(bench, line("a", GEMINI), line("b", GEMINI), targets=f"{GPT}, {GEMINI}")
    assert created(bench, file_id)["model"] == GEMINI


def test_a_file_can_run_more_than_once(bench: Bench) -> None:
    file_id = uploaded(bench, line("a"), line("b", GEMINI))
    batches = [ended(bench, created(bench, file_id)["id"]) for _ in range(2)]
    assert [outcome(bench, batch) for batch in batches] == [(["a", "b"], {})] * 2


def test_a_batch_begins_at_once(bench: Bench) -> None:
    batch = created(bench, uploaded(bench, line("a")))
    while looked_up(bench, batch["id"])["status"] != "completed":
        bench.stand_ins.openai.settle_batches()
    assert batch["status"] in ("validating", "in_progress")


def test_output_expires_when_asked_to(bench: Bench) -> None:
    batch = ran(bench, line("a"), output_expires_after={"anchor": "created_at", "seconds": 7200})
    file = bench.call("GET", f"/files/{batch['output_file_id']}").get_json()
    assert (file["purpose"], file["expires_at"] - file["created_at"]) == ("batch_output", 7200)


def test_a_batch_has_the_time_that_it_was_given(bench: Bench) -> None:
    batch = created(bench, uploaded(bench, line("a")), completion_window="2h")
    assert (batch["completion_window"], batch["expires_at"] - batch["created_at"]) == ("2h", 7200)


def test_input_files_end_after_thirty_days_if_nothing_else_is_said(bench: Bench) -> None:
    file: dict[str, Any] = bench.call("GET", f"/files/{uploaded(bench, line('a'))}").get_json()
    assert (file["status"], file["expires_at"] - file["created_at"]) == ("processed", 30 * 86_400)
