"""Jobs that were or were not made although nobody heard so: each is made once, and only where it still should be."""

import pytest

from managed_files.sandbox import Fault
from tests.batching import created, ended, line, looked_up, outcome, uploaded
from tests.gateway import Bench
from tests.gateway_fixtures import Sql

JOBS = "/v1/batches$"


def due(bench: Bench, sql: Sql) -> None:
    """The next step of every part, at once."""
    sql("UPDATE batch_parts SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL")
    bench.gateway.reconciler.run_once()


def orders(bench: Bench) -> int:
    """How many jobs OpenAI was asked to make."""
    return sum((request.method, request.path) == ("POST", "/v1/batches") for request in bench.stand_ins.openai.requests)


@pytest.mark.parametrize("refusal", [429, 403, 500])
def test_a_search_that_fails_proves_nothing(bench: Bench, sql: Sql, refusal: int) -> None:
    openai = bench.stand_ins.openai
    openai.inject(Fault(path=JOBS, cut="after_commit"))
    openai.inject(Fault(method="GET", path=JOBS, status=refusal, times=None))
    batch = created(bench, uploaded(bench, line("a")))
    while not looked_up(bench, batch["id"])["parts"][0]["error"]:
        pass  # the first attempt goes on in the background
    for _ in range(12):
        due(bench, sql)
    openai.faults.clear()
    due(bench, sql)
    assert (outcome(bench, ended(bench, batch["id"])), orders(bench)) == ((["a"], {}), 1)


def test_a_job_that_was_not_made_is_not_made_once_the_batch_is_cancelled(bench: Bench, sql: Sql) -> None:
    bench.stand_ins.openai.inject(Fault(path=JOBS, cut="mid_body"))
    batch = created(bench, uploaded(bench, line("a")))
    while not looked_up(bench, batch["id"])["parts"][0]["error"]:
        pass  # the first attempt goes on in the background
    sql("UPDATE batch_parts SET searched_at = now() - interval '2 minutes'")
    bench.call("POST", f"/batches/{batch['id']}/cancel")
    assert (outcome(bench, ended(bench, batch["id"])), orders(bench)) == (([], {"a": "batch_cancelled"}), 1)


def test_a_job_waits_until_its_provider_has_read_the_input(bench: Bench, sql: Sql) -> None:
    file_id = uploaded(bench, line("a"))
    sql("UPDATE copies SET state = 'processing'")
    batch = created(bench, file_id)
    while not looked_up(bench, batch["id"])["parts"][0]["error"]:
        pass  # the first attempt goes on in the background
    early = orders(bench)
    sql("UPDATE copies SET state = 'ready'")
    assert (early, outcome(bench, ended(bench, batch["id"]))) == (0, (["a"], {}))
