"""What a file of lines has to be: all that is wrong with it is said at once, and nothing of it is stored anywhere."""

from typing import Any

import pytest

from managed_files.ids import new_file_id
from managed_files.sandbox.faults import Fault
from tests.batching import URL, created, jsonl, line, uploaded
from tests.gateway import AZURE, CONTENT, FORM, GEMINI, GPT, MASTER_KEY, Bench, file_part, form


def refused(bench: Bench, data: bytes, targets: str = "", key: str = MASTER_KEY) -> str:
    """Why the file is not taken; it is at no provider."""
    answer = bench.upload(targets, key, data=data, filename="lines.jsonl", purpose="batch")
    assert (answer.status_code // 100, bench.stand_ins.counts()) == (4, {"openai": 0, "azure": 0, "google": 0})
    return str(answer.get_json()["error"]["message"])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (b"{", "it is not JSON"),
        (b"[" * 3000, "it is not JSON"),
        (jsonl(line("a", temperature=float("nan"))), "it is not JSON"),
        (jsonl(line("a", seed=7)).replace(b"7", b"1e999"), "it is not JSON"),
        (b"[]", "it is not a JSON object"),
        (jsonl(line("")), "'custom_id' has to be a text of 1 to 512 characters"),
        (jsonl({**line("a"), "custom_id": 7}), "'custom_id' has to be a text of 1 to 512 characters"),
        (jsonl({**line("a"), "method": "GET"}), "'method' has to be 'POST'"),
        (jsonl({**line("a"), "url": "/v1/files"}), "'url' has to be one of"),
        (jsonl({**line("a"), "extra": 1}), "'extra' is not a key of a batch line"),
        (jsonl({**line("a"), "body": []}), "'body' has to be a JSON object"),
        (jsonl(line("a", "")), "'body.model' has to name a model"),
        (jsonl({**line("a"), "body": {"model": GPT}}), "'body.messages' has to be a list of objects"),
        (jsonl(line("a", messages="hello")), "'body.messages' has to be a list of objects"),
        (jsonl(line("a", messages=["hello"])), "'body.messages' has to be a list of objects"),
        (jsonl(line("a", "no-such-model")), "The model 'no-such-model' does not exist or this key may not use it"),
        (jsonl(line("a", stream=True)), "'body.stream' has no meaning in a batch"),
        (jsonl(line("a", fallbacks=[GEMINI])), "'body.fallbacks' has no meaning in a batch"),
        (
            jsonl({**line("a"), "url": "/v1/embeddings"}),
            "'url' is /v1/embeddings, but /v1/chat",
        ),
        (jsonl(line("a", GPT, "x", file_part("file-abc"))), "No such File object: file-abc"),
        (jsonl(line("a", user=new_file_id())), "but a file can only be named by a content part"),
        (jsonl(line("a", GEMINI, logit_bias={"1": 2})), "logit_bias"),
    ],
)
def test_a_wrong_line_is_told_with_its_number(bench: Bench, wrong: bytes, told: str) -> None:
    message = refused(bench, jsonl(line("fine")) + b"\n" + wrong)
    assert "line 3: " in message
    assert told in message


def test_an_id_may_stand_in_one_line_only(bench: Bench) -> None:
    assert "line 3: 'custom_id' 'a' stands in line 1 too" in refused(bench, jsonl(line("a"), line("b"), line("a")))


def test_twenty_findings_are_enough(bench: Bench) -> None:
    message = refused(bench, b"[]\n" * 500)
    assert (message.count("; line "), "line 20: " in message, "line 21: " in message) == (19, True, False)


def test_a_file_that_no_copy_can_serve_is_told_with_those_that_have_one(bench: Bench) -> None:
    part = file_part(bench.stored(AZURE))
    bench.stand_ins.azure.reset()
    assert f"Models that have one: {AZURE}" in refused(bench, jsonl(line("a", GPT, "x", part)))


def test_anothers_file_is_no_file(bench: Bench) -> None:
    part, key = file_part(bench.stored(GPT)), bench.key("eve")
    bench.stand_ins.openai.reset()
    assert "No such File object" in refused(bench, jsonl(line("a", GPT, "x", part)), key=key)


def test_a_model_that_the_key_may_not_use_is_no_model(bench: Bench) -> None:
    assert "this key may not use it" in refused(bench, jsonl(line("a", GEMINI)), key=bench.key("eve", models=[GPT]))


@pytest.mark.parametrize("data", [b"", b"\n\n", b" "])
def test_a_file_without_lines_is_refused(bench: Bench, data: bytes) -> None:
    assert refused(bench, data)


def test_more_lines_than_a_batch_may_have_are_refused(bench: Bench) -> None:
    assert "more than 50000 lines" in refused(bench, b"".join(jsonl(line(str(n))) for n in range(50_001)))


def test_unknown_targets_are_refused(bench: Bench) -> None:
    assert "'nobody' is not a model that this key may use" in refused(bench, jsonl(line("a")), targets="nobody")


def test_what_a_failing_provider_leaves_behind_is_nothing(bench: Bench) -> None:
    bench.stand_ins.azure.inject(Fault("POST", "/openai/v1/files$", status=403))
    answer = bench.upload("", data=jsonl(line("a"), line("z", AZURE)), filename="lines.jsonl", purpose="batch")
    bench.gateway.reconciler.run_once()
    assert (answer.status_code, bench.stand_ins.counts()["openai"]) == (502, 0)


@pytest.mark.parametrize("order", ["file first", "file last"])
def test_purpose_may_stand_before_or_behind_the_file(bench: Bench, order: str) -> None:
    before, after = ({}, {"purpose": "batch"}) if order == "file first" else ({"purpose": "batch"}, {})
    body = form(before, jsonl(line("a")), after, filename="lines.jsonl")
    file = bench.call("POST", "/files", data=body, content_type=FORM).get_json()
    told = {name: file[name] for name in ("filename", "bytes", "purpose", "status")}
    assert told == {
        "filename": "lines.jsonl",
        "bytes": len(jsonl(line("a"))),
        "purpose": "batch",
        "status": "processed",
    }


def test_targets_may_stand_behind_a_file_whose_lines_name_other_models(bench: Bench) -> None:
    lines = jsonl(*(line(str(number), "a-model-of-elsewhere") for number in range(300)))
    body = form({"purpose": "batch"}, lines, {"target_model_names": GPT}, filename="lines.jsonl")
    assert bench.call("POST", "/files", data=body, content_type=FORM).status_code == 200


def test_what_no_target_could_mend_is_refused_at_once(bench: Bench, facts: list[dict[str, Any]]) -> None:
    data = b"[]\n" * 400_000
    answer = bench.upload("", data=data, filename="lines.jsonl", purpose="batch")
    assert (answer.status_code, facts[-1]["bytes"] < len(data) / 2) == (400, True)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"endpoint": "/v1/embeddings"}, "endpoint"),
        ({"endpoint": "/v1/moderations"}, "endpoint"),
        ({"completion_window": "8d"}, "completion_window"),
        ({"completion_window": "soon"}, "completion_window"),
        ({"completion_window": 24}, "completion_window"),
        ({"completion_window": "\u0662\u0664h"}, "completion_window"),
        ({"input_file_id": "file-mf-none"}, "input_file_id"),
        ({"input_file_id": "\ud800"}, "input_file_id"),
        ({"model": GEMINI}, "model"),
        ({"metadata": {"a": 1}}, "metadata.a.value"),
        ({"metadata": {str(n): "" for n in range(17)}}, "metadata"),
        ({"output_expires_after": {"anchor": "created_at"}}, "output_expires_after.seconds"),
        ({"output_expires_after": {"anchor": "now", "seconds": 3600}}, "output_expires_after.anchor"),
        ({"webhook_url": "https://elsewhere.example/"}, "webhook_url"),
    ],
)
def test_a_wrong_field_of_the_batch_is_named(bench: Bench, change: dict[str, Any], param: str) -> None:
    body = {"input_file_id": uploaded(bench, line("a")), "endpoint": URL, "completion_window": "24h", **change}
    answer = bench.call("POST", "/batches", json=body)
    assert (answer.status_code // 100, answer.get_json()["error"]["param"]) == (4, param)


def test_a_file_of_another_purpose_cannot_run(bench: Bench) -> None:
    body = {"input_file_id": bench.stored(GPT, data=CONTENT), "endpoint": URL, "completion_window": "24h"}
    assert bench.call("POST", "/batches", json=body).get_json()["error"]["param"] == "input_file_id"


def test_a_repeated_upload_with_one_idempotency_key_is_one_file(bench: Bench) -> None:
    options: dict[str, Any] = {"data": jsonl(line("a")), "filename": "lines.jsonl", "purpose": "batch"}
    ids = {bench.upload("", headers={"Idempotency-Key": "k"}, **options).get_json()["id"] for _ in range(2)}
    assert (len(ids), bench.stand_ins.counts()["openai"]) == (1, 1)


def test_an_idempotency_key_belongs_to_one_set_of_targets(bench: Bench) -> None:
    options: dict[str, Any] = {"data": jsonl(line("a")), "filename": "lines.jsonl", "purpose": "batch"}
    first, again = f"{GEMINI}, {AZURE}", f"{AZURE}, {GEMINI}"  # the first one is where a batch runs by default
    answers = [bench.upload(names, headers={"Idempotency-Key": "k"}, **options) for names in (first, "", again, first)]
    assert [answer.status_code for answer in answers] == [200, 409, 409, 200]


def test_a_batch_is_made_of_any_number_of_jobs(bench: Bench) -> None:
    batch = created(bench, uploaded(bench, line("a"), line("b", GEMINI), line("c", AZURE), line("d")))
    assert [(part["model_group"], part["lines"]) for part in batch["parts"]] == [(GPT, 2), (GEMINI, 1), (AZURE, 1)]


def test_the_lines_of_an_input_are_not_given_back(bench: Bench) -> None:
    answer = bench.call("GET", f"/files/{uploaded(bench, line('a'))}/content")
    assert (answer.status_code, "rewritten for their providers" in answer.get_json()["error"]["message"]) == (400, True)


def test_a_line_without_an_end_is_refused(bench: Bench) -> None:
    answer = bench.upload("", data=b"{" + b" " * 2**24, filename="lines.jsonl", purpose="batch")
    assert (answer.status_code, "a line of more than 16777216 bytes" in answer.text) == (400, True)
