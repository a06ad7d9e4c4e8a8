"""Whose a batch is, what deleting its files does, and how batches are listed."""

import pytest

from managed_files.ids import new_batch_id
from tests.batching import URL, content, created, ended, jsonl, line, looked_up, ran, uploaded
from tests.gateway import GEMINI, GPT, MASTER_KEY, Bench
from tests.gateway_fixtures import Sql
from tests.openai_schema import assert_valid


def ids(bench: Bench, key: str = MASTER_KEY, **query: object) -> list[str]:
    answer = bench.call("GET", "/batches", key, query_string=query)
    assert_valid("ListBatchesResponse", answer.get_json()) if answer.get_json()["data"] else None
    return [batch["id"] for batch in answer.get_json()["data"]]


def test_deleting_all_its_files_leaves_nothing_at_any_provider(bench: Bench) -> None:
    batch = ran(bench, line("a"), line("g", GEMINI), line("bad", temperature=9))
    for name in ("input_file_id", "output_file_id", "error_file_id"):
        assert bench.call("DELETE", f"/files/{batch[name]}").get_json()["deleted"]
    bench.gateway.reconciler.run_once()
    assert bench.stand_ins.counts() == {"openai": 0, "azure": 0, "google": 0}


def test_results_stay_while_one_of_their_files_does(bench: Bench) -> None:
    batch = ran(bench, line("a"), line("bad", temperature=9))
    bench.call("DELETE", f"/files/{batch['error_file_id']}")
    bench.gateway.reconciler.run_once()
    assert list(content(bench, batch["output_file_id"])) == ["a"]


def test_expired_results_are_deleted_where_they_are(bench: Bench, sql: Sql) -> None:
    batch = ran(bench, line("g", GEMINI), output_expires_after={"anchor": "created_at", "seconds": 3600})
    sql("UPDATE files SET expires_at = now() WHERE batch_id IS NOT NULL")
    bench.gateway.reconciler.run_once()
    bench.gateway.reconciler.run_once()
    gone = bench.call("GET", f"/files/{batch['output_file_id']}").status_code
    assert (gone, [key for key in bench.stand_ins.google.objects if "predictions" in key]) == (404, [])


def test_the_input_of_a_running_batch_stays_unless_forced(bench: Bench) -> None:
    bench.stand_ins.openai.hold_batches()
    batch = created(bench, uploaded(bench, line("a")))
    path = f"/files/{batch['input_file_id']}"
    kept, forced = bench.call("DELETE", path), bench.call("DELETE", f"{path}?force=true")
    assert (kept.status_code, kept.headers["x-should-retry"], forced.status_code) == (409, "false", 200)
    assert ended(bench, batch["id"])["status"] == "cancelled"


@pytest.mark.parametrize("by", ["its owner", "somebody at the provider"])
def test_lines_that_are_deleted_cannot_be_retried(bench: Bench, by: str) -> None:
    batch, store = ran(bench, line("bad", temperature=9)), bench.stand_ins.openai.store
    if by == "its owner":
        bench.call("DELETE", f"/files/{batch['input_file_id']}")
    else:
        [store.remove(file) for file in store.files.values() if file.purpose == "batch"]
    answer = bench.call("POST", f"/batches/{batch['id']}/retry")
    assert (answer.status_code, "not kept any more" in answer.get_json()["error"]["message"]) == (400, True)


def test_results_that_somebody_took_away_are_not_told_as_no_answers(bench: Bench) -> None:
    batch = ran(bench, line("g", GEMINI), line("h", GEMINI), line("bad", GEMINI, temperature=9))
    bench.stand_ins.google.buckets.clear()
    paths = [f"/files/{batch[name]}/content" for name in ("output_file_id", "error_file_id")]
    answers = [bench.call("GET", path) for path in paths] + [bench.call("POST", f"/batches/{batch['id']}/retry")]
    assert {(answer.status_code, "has the results of this batch no more" in answer.text) for answer in answers} == {
        (404, True)
    }


def test_deleted_results_cannot_be_retried(bench: Bench, sql: Sql) -> None:
    batch = ran(bench, line("a"), line("bad", temperature=9))
    for name in ("output_file_id", "error_file_id"):
        bench.call("DELETE", f"/files/{batch[name]}")
    bench.gateway.reconciler.run_once()
    answer = bench.call("POST", f"/batches/{batch['id']}/retry")
    told = (answer.status_code, "were deleted" in answer.text)
    assert (told, sql("SELECT custom_ids FROM batch_parts")) == ((400, True), [(b"",)])


def test_an_input_that_expires_stays_for_the_batch_that_runs_from_it(bench: Bench, sql: Sql) -> None:
    bench.stand_ins.openai.hold_batches()
    batch = created(bench, uploaded(bench, line("a")))
    sql("UPDATE files SET expires_at = now() WHERE parent IS NULL")
    bench.gateway.reconciler.run_once()
    bench.stand_ins.openai.release_batches()
    status, left = ended(bench, batch["id"])["status"], []
    for _ in range(3):
        bench.gateway.reconciler.run_once()
        left = sql("SELECT purpose FROM files")
    assert (status, left) == ("completed", [("batch_output",)])


def test_a_team_mate_retries_with_models_of_its_own(bench: Bench, sql: Sql) -> None:
    ann, bob = bench.key("ann", team_id="red"), bench.key("bob", team_id="red", models=[GEMINI])
    cat = bench.key("cat", team_id="red")
    batch = created(bench, uploaded(bench, line("bad", temperature=9), key=ann), ann)
    ended(bench, batch["id"])
    before = sql("SELECT count(*) FROM files")
    refused = bench.call("POST", f"/batches/{batch['id']}/retry", bob)
    stored = sql("SELECT count(*) FROM files")
    again = bench.call("POST", f"/batches/{batch['id']}/retry", cat).get_json()
    owners = sql("SELECT owner FROM batches ORDER BY created_at")
    assert (refused.status_code, stored, ids(bench, cat)) == (404, before, [again["id"], batch["id"]])
    assert owners == [("ann",), ("cat",)]


def test_a_batch_needs_a_key_for_all_its_models(bench: Bench) -> None:
    ann, bob = bench.key("ann", team_id="red"), bench.key("bob", team_id="red", models=[GEMINI])
    wanted = {
        "input_file_id": uploaded(bench, line("a"), line("g", GEMINI), key=ann),
        "endpoint": URL,
        "completion_window": "24h",
    }
    assert [bench.call("POST", "/batches", key, json=wanted).status_code for key in (bob, ann)] == [404, 200]


@pytest.mark.parametrize(("method", "below"), [("GET", ""), ("POST", "/cancel"), ("POST", "/retry")])
def test_anothers_batch_answers_as_one_that_does_not_exist(bench: Bench, method: str, below: str) -> None:
    eve, batch_id, none = bench.key("eve"), ran(bench, line("a"))["id"], new_batch_id()
    theirs = bench.call(method, f"/batches/{batch_id}{below}", eve)
    missing = bench.call(method, f"/batches/{none}{below}", eve)
    assert (theirs.status_code, theirs.text.replace(batch_id, none)) == (404, missing.text)


def test_the_files_of_a_batch_are_its_owners(bench: Bench) -> None:
    batch = ran(bench, line("a"))
    answer = bench.call("GET", f"/files/{batch['output_file_id']}/content", bench.key("eve"))
    assert answer.status_code == 404


def test_team_mates_see_each_others_batches(bench: Bench) -> None:
    ann, bob = bench.key("ann", team_id="red"), bench.key("bob", team_id="red")
    batch = created(bench, uploaded(bench, line("a"), key=ann), ann)
    assert (ids(bench, bob), ids(bench, bench.key("eve"))) == ([batch["id"]], [])


def test_a_team_mate_cannot_cancel_what_another_has_begun(bench: Bench) -> None:
    bench.stand_ins.openai.hold_batches()
    ann, bob = bench.key("ann", team_id="red"), bench.key("bob", team_id="red")
    batch = created(bench, uploaded(bench, line("a"), key=ann), ann)
    answers = [bench.call("POST", f"/batches/{batch['id']}/cancel", key).status_code for key in (bob, ann)]
    assert answers == [403, 200]


def test_lists_are_newest_first_and_come_in_pages(bench: Bench) -> None:
    file_id = uploaded(bench, line("a"))
    made = [created(bench, file_id)["id"] for _ in range(5)][::-1]
    pages = [ids(bench, limit=2), ids(bench, limit=2, after=made[1]), ids(bench, limit=2, after=made[3])]
    assert (pages, ids(bench)) == ([made[:2], made[2:4], made[4:]], made)


def test_lists_can_be_of_one_status(bench: Bench) -> None:
    done = ran(bench, line("a"))["id"]
    bench.stand_ins.openai.hold_batches()
    running = created(bench, uploaded(bench, line("b")))["id"]
    while looked_up(bench, running)["status"] != "in_progress":
        bench.gateway.reconciler.run_once()
    assert (ids(bench, status="completed"), ids(bench, status="in_progress")) == ([done], [running])


def test_an_unknown_status_is_refused(bench: Bench) -> None:
    assert bench.call("GET", "/batches?status=done").get_json()["error"]["param"] == "status"


def test_what_a_provider_holds_of_a_file_is_in_no_list(bench: Bench) -> None:
    file_id = uploaded(bench, line("a"), line("g", GEMINI))
    assert [file["id"] for file in bench.call("GET", "/files").get_json()["data"]] == [file_id]


def test_deleting_an_input_that_never_ran_deletes_it_everywhere(bench: Bench) -> None:
    bench.call("DELETE", f"/files/{uploaded(bench, line('a'), line('g', GEMINI))}")
    bench.gateway.reconciler.run_once()
    assert bench.stand_ins.counts() == {"openai": 0, "azure": 0, "google": 0}


def test_the_sizes_in_a_list_are_what_was_sent(bench: Bench) -> None:
    data = jsonl(line("ü", GPT, "größe"))
    bench.stored("", data=data, filename="lines.jsonl", purpose="batch")
    assert bench.call("GET", "/files").get_json()["data"][0]["bytes"] == len(data)
