"""Idempotency-Key: the same upload twice is one file, another one under the same key is a mistake."""

from typing import Any

from werkzeug.test import TestResponse

from managed_files.sandbox.faults import Fault
from tests.gateway import CONTENT, GEMINI, GPT, TARGETS, Bench, form

HEADER = {"Idempotency-Key": "a-key-of-the-client"}
NO_FIELDS: dict[str, Any] = {}


def told(answer: TestResponse) -> tuple[int, Any, str | None, str | None]:
    """Status, field, and what the answer says about trying again."""
    error = (answer.json or {})["error"]
    return answer.status_code, error["param"], answer.headers.get("Retry-After"), answer.headers.get("x-should-retry")


def test_a_repeat_gives_the_same_file_without_a_second_upload(bench: Bench) -> None:
    answers = [bench.upload(f"{GPT}, {GEMINI}", headers=HEADER) for _ in range(2)]
    assert (answers[0].json, bench.stand_ins.counts()) == (answers[1].json, {"openai": 1, "azure": 0, "google": 1})


def test_another_body_or_name_or_purpose_under_the_same_key_is_a_conflict(bench: Bench) -> None:
    bench.stored(GPT, headers=HEADER)
    changes: list[dict[str, Any]] = [{"data": CONTENT + b"!"}, {"filename": "other.pdf"}, {"purpose": "assistants"}]
    answers = [told(bench.upload(GPT, headers=HEADER, **change)) for change in changes]
    assert (answers, bench.stand_ins.counts()["openai"]) == ([(409, "Idempotency-Key", None, "false")] * 3, 1)


def test_other_targets_or_another_life_under_the_same_key_are_a_conflict(bench: Bench) -> None:
    life: dict[str, Any] = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "7200"}
    bench.stored(GPT, headers=HEADER, **life)
    longer = life | {"expires_after[seconds]": "7201"}
    answers = [bench.upload(f"{GPT}, {GEMINI}", headers=HEADER, **life)]
    answers += [bench.upload(GPT, headers=HEADER, **fields) for fields in (NO_FIELDS, longer, life)]
    assert [answer.status_code for answer in answers] == [409, 409, 409, 200]


def test_while_the_first_runs_the_second_is_a_conflict_to_retry(bench: Bench) -> None:
    body, second = form(TARGETS, CONTENT), list[TestResponse]()

    def meanwhile() -> None:
        second.append(bench.upload(headers=HEADER))

    first = bench.feed(body[:8000], meanwhile, body[8000:], length=len(body), headers=HEADER)
    assert (first.status_code, told(second[0]), bench.stand_ins.counts()["openai"]) == (
        200,
        (409, "Idempotency-Key", "1", None),
        1,
    )


def test_keys_of_different_callers_are_different_keys(bench: Bench) -> None:
    ids = {bench.stored(GPT, key, headers=HEADER) for key in (bench.key("one"), bench.key("two"))}
    assert len(ids) == 2


def test_a_failed_upload_gives_its_key_back(bench: Bench) -> None:
    bench.stand_ins.openai.inject(Fault(path="/v1/files", status=400))
    answers = [bench.upload(GPT, headers=HEADER).status_code for _ in range(2)]
    assert answers == [400, 200]


def test_a_deleted_file_gives_its_key_back(bench: Bench) -> None:
    first = bench.stored(GPT, headers=HEADER)
    bench.call("DELETE", f"/files/{first}")
    assert bench.stored(GPT, headers=HEADER) != first


def test_fields_behind_the_file_do_not_clash_with_the_first_attempt(bench: Bench) -> None:
    before, after = {"purpose": "user_data", "target_model_names": GPT}, {"target_model_names[]": GEMINI}
    body = form(before, CONTENT, after)
    answer = bench.feed(body, length=len(body), headers=HEADER)
    assert (answer.status_code, bench.stand_ins.counts()) == (200, {"openai": 1, "azure": 0, "google": 1})
