"""A job that was made although nobody heard of it: it is found again, and never made a second time."""

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
