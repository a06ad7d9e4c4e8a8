"""Idempotency-Key on batches: asked for twice they run, and are paid for, once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from werkzeug.test import TestResponse

from tests.batching import URL, ended, line, ran, uploaded
from tests.gateway import MASTER_KEY, Bench

HEADER = {"Idempotency-Key": "a-key-of-the-client"}


def asked(
    bench: Bench, file_id: str, key: str = MASTER_KEY, header: dict[str, str] = HEADER, **fields: Any
) -> TestResponse:
    body = {"input_file_id": file_id, "endpoint": URL, "completion_window": "24h", **fields}
    return bench.call("POST", "/batches", key, json=body, headers=header)


def batches(bench: Bench) -> int:
    return len(bench.call("GET", "/batches").get_json()["data"])


def test_a_repeat_is_the_same_batch(bench: Bench) -> None:
    file_id = uploaded(bench, line("a"))
    ids = {asked(bench, file_id).get_json()["id"] for _ in range(2)}
    assert (len(ids), batches(bench)) == (1, 1)


def test_a_repeat_is_the_same_batch_when_its_file_is_gone(bench: Bench) -> None:
    file_id = uploaded(bench, line("a"))
    first = asked(bench, file_id).get_json()["id"]
    ended(bench, first)
    bench.call("DELETE", f"/files/{file_id}")
    assert asked(bench, file_id).get_json()["id"] == first


def test_repeats_at_the_same_time_are_one_batch(bench: Bench) -> None:
    file_id = uploaded(bench, line("a"))
    with ThreadPoolExecutor(8) as threads:
        ids = set(threads.map(lambda _: asked(bench, file_id).get_json()["id"], range(8)))
    assert (len(ids), batches(bench)) == (1, 1)


def test_another_request_under_the_same_key_is_a_conflict(bench: Bench) -> None:
    file_id = uploaded(bench, line("a"))
    asked(bench, file_id, metadata={"night": "1"})
    changes: list[dict[str, Any]] = [{}, {"metadata": {"night": "2"}}, {"completion_window": "48h"}]
    answers = [asked(bench, file_id, **change) for change in changes]
    told = [(answer.status_code, answer.get_json()["error"]["param"]) for answer in answers]
    assert (told, batches(bench)) == ([(409, "Idempotency-Key")] * 3, 1)


def test_without_a_key_or_with_another_one_it_is_another_batch(bench: Bench) -> None:
    file_id = uploaded(bench, line("a"))
    headers: list[dict[str, str]] = [{}, {}, HEADER, {"Idempotency-Key": "another"}, {"Idempotency-Key": ""}]
    ids = {asked(bench, file_id, header=header).get_json()["id"] for header in headers}
    assert len(ids) == 5


def test_keys_of_different_callers_are_different_keys(bench: Bench) -> None:
    keys = (bench.key("one"), bench.key("two"))
    ids = {asked(bench, uploaded(bench, line("a"), key=key), key).get_json()["id"] for key in keys}
    assert len(ids) == 2


def test_a_refused_request_gives_its_key_back(bench: Bench) -> None:
    refused = asked(bench, "file-mf-" + "0" * 32)
    assert (refused.status_code, asked(bench, uploaded(bench, line("a"))).status_code) == (404, 200)


def test_a_repeated_retry_is_the_same_batch(bench: Bench) -> None:
    batch = ran(bench, line("a"), line("bad", temperature=9))
    again = [bench.call("POST", f"/batches/{batch['id']}/retry", headers=HEADER).get_json()["id"] for _ in range(2)]
    other = bench.call("POST", f"/batches/{again[0]}/retry", headers=HEADER)
    assert (len(set(again)), batches(bench), other.status_code) == (1, 2, 409)


def test_repeated_retries_at_the_same_time_store_their_lines_once(bench: Bench) -> None:
    batch = ran(bench, line("a"), line("bad", temperature=9))
    with ThreadPoolExecutor(8) as threads:
        path = f"/batches/{batch['id']}/retry"
        answers = list(threads.map(lambda _: bench.call("POST", path, headers=HEADER), range(8)))
    told = {answer.status_code for answer in answers} - {409}  # of a repeat that came before the first one was through
    files = bench.call("GET", "/files?purpose=batch").get_json()["data"]
    assert (told, batches(bench), len(files)) == ({200}, 2, 2)


def test_a_key_that_is_too_long_is_refused(bench: Bench) -> None:
    header = {"Idempotency-Key": "k" * 256}
    answers = [asked(bench, "file-mf-" + "0" * 32, header=header), bench.upload(headers=header)]
    assert [(answer.status_code, answer.get_json()["error"]["param"]) for answer in answers] == [
        (400, "Idempotency-Key")
    ] * 2
