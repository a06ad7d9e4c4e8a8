"""Results are counted by one at a time, however long that takes; and a single odd one stands in nobody's way."""

import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from managed_files.batch_repository import BatchRepository
from managed_files.sandbox import Fault
from tests.batching import created, ended, line, looked_up, outcome, ran, uploaded
from tests.gateway import MASTER_KEY, Bench

RESULTS = "/v1/files/.*/content$"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    gate = threading.Event()
    yield gate
    gate.set()


def test_what_is_being_counted_is_left_alone(bench: Bench, gate: threading.Event) -> None:
    openai = bench.stand_ins.openai
    openai.inject(Fault(method="GET", path=RESULTS, gate=gate))
    batch_id = created(bench, uploaded(bench, line("a"), line("b")))["id"]
    counting = threading.Thread(target=ended, args=(bench, batch_id))
    counting.start()
    openai.wait_for(lambda request: request.path.endswith("/content"))
    state = looked_up(bench, batch_id)["parts"][0]["state"]
    others = BatchRepository(bench.gateway.database).claim_part([], lease=9.0, pause=9.0, batch_id=batch_id, stale=0.0)
    gate.set()
    counting.join()
    assert (state, others) == ("completed", None)


@pytest.mark.parametrize("odd", [[1], None, "text"])
def test_an_answer_that_is_none_is_an_error_of_its_line(bench: Bench, odd: object) -> None:
    response = {"status_code": 200, "request_id": "req", "body": odd}
    results = json.dumps({"id": "r", "custom_id": "1", "response": response, "error": None})
    bench.stand_ins.openai.inject(Fault(method="GET", path=RESULTS, status=200, body=results.encode(), times=None))
    batch = ran(bench, line("a"), line("b"))
    assert outcome(bench, batch) == ([], {"a": "provider_error", "b": "no_answer"})


def test_others_get_their_turns_while_lines_are_taken_in(bench: Bench) -> None:
    seen = set()
    with ThreadPoolExecutor(1) as pool:
        upload = pool.submit(uploaded, bench, *(line(str(number)) for number in range(2000)))
        while not upload.done():
            seen.add(sys.getswitchinterval())
    assert (0.001 in seen, sys.getswitchinterval()) == (True, 0.005)


def test_others_get_their_turns_while_results_are_read(bench: Bench) -> None:
    batch = ran(bench, *(line(str(number), text="x" * 70_000) for number in range(2)))
    path, key = f"/files/{batch['output_file_id']}/content", {"Authorization": f"Bearer {MASTER_KEY}"}
    answer = bench.app.test_client().get(path, headers=key)  # not read yet, but for its first block
    during = sys.getswitchinterval()
    answer.get_data()
    assert (during, sys.getswitchinterval()) == (0.001, 0.005)
