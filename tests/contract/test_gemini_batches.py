"""The Gemini API's batches: the file that lines become, answers within the operation, what is left at the end."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests

from managed_files.batch_records import Job, JobState, LineResult
from managed_files.errors import ProviderFailed
from managed_files.providers.gemini_files import planned_uri
from managed_files.sandbox.faults import Fault
from managed_files.sandbox.gemini import DEFAULT_KEY, GeminiSandbox
from tests.contract.batch_benches import PART_ID, GeminiBatchBench, Json


@pytest.fixture
def bench() -> Iterator[GeminiBatchBench]:
    bench = GeminiBatchBench()
    yield bench
    bench.close()


def input_of(bench: GeminiBatchBench) -> str:
    return planned_uri(bench.provider.account.name, PART_ID)


def inline(sandbox: GeminiSandbox, *lines: Json) -> str:
    """A batch whose requests came with the call; its name."""
    batch = {"displayName": "inline", "inputConfig": {"requests": {"requests": list(lines)}}}
    url = f"{sandbox.url}/v1beta/models/gemini-2.0-flash:batchGenerateContent"
    answer = requests.post(url, json={"batch": batch}, headers={"x-goog-api-key": DEFAULT_KEY}, timeout=10)
    name: str = answer.json()["name"]
    return name


# create


def test_the_lines_become_a_file_under_a_name_of_ours(bench: GeminiBatchBench) -> None:
    order = bench.order([bench.body("one"), bench.body("zwölf")])
    bench.api.create(order)
    file = bench.sandbox.files[input_of(bench)]

    assert (file.mime_type, file.display_name, [json.loads(line) for line in file.blob.read().splitlines()]) == (
        "application/jsonl",
        f"{PART_ID}.jsonl",
        [{"key": "0", "request": bench.body("one")}, {"key": "1", "request": bench.body("zwölf")}],
    )


def test_an_input_is_processed_before_a_batch_can_read_it(bench: GeminiBatchBench) -> None:
    bench.sandbox.store.processing = 1
    job = bench.ended([bench.body("one")])

    assert bench.outcomes(job) == {"0": 200}


def test_the_lines_are_read_once(bench: GeminiBatchBench) -> None:
    order = bench.order([bench.body("one"), bench.body("two")])
    job = bench.seen(bench.api.create(replace(order, lines=iter(list(order.lines or ())))))

    assert bench.outcomes(job) == {"0": 200, "1": 200}


def test_what_an_interrupted_create_left_is_replaced(bench: GeminiBatchBench) -> None:
    bench.sandbox.inject(Fault("POST", bench.create_path, status=503))
    with pytest.raises(ProviderFailed):
        bench.api.create(bench.order([bench.body("old"), bench.body("old")]))

    job = bench.ended([bench.body("new")])

    assert [result.body["candidates"][0]["content"]["parts"] for result in bench.results(job).values()] == [
        [{"text": "You said: new"}]
    ]


def test_lines_that_break_off_leave_nothing(bench: GeminiBatchBench) -> None:
    def lines() -> Iterator[bytes]:
        yield b"{}"
        raise LookupError("the database went away")

    with pytest.raises(LookupError):
        bench.api.create(replace(bench.order([]), lines=lines()))

    assert bench.stored() == {}


def test_a_name_like_no_batchs_is_not_believed(bench: GeminiBatchBench) -> None:
    order = bench.order([bench.body("hello")])
    bench.sandbox.inject(Fault("POST", bench.create_path, status=200, body={"name": "operations/1"}))

    with pytest.raises(ProviderFailed, match="without a name"):
        bench.api.create(order)


def test_a_job_is_found_behind_the_first_page(bench: GeminiBatchBench) -> None:
    job_id = bench.api.create(bench.order([bench.body("hello")]))
    for _ in range(100):
        inline(bench.sandbox)

    assert bench.api.find(PART_ID, bench.deployment(), bench.since()) == job_id


# results


def test_answers_within_the_operation(bench: GeminiBatchBench) -> None:
    lines = [
        {"request": body, "metadata": {"key": key}} for key, body in (("0", bench.body("one")), ("1", bench.bad_body()))
    ]
    job = bench.seen(inline(bench.sandbox, *lines))

    assert (job.completed, job.failed, bench.outcomes(job)) == (1, 1, {"0": 200, "1": 400})


def test_a_refusal_is_told_as_the_chats(bench: GeminiBatchBench) -> None:
    job = bench.ended([bench.bad_body()])

    message = "temperature value of 99 but the supported range is 0 to 2."
    envelope = {"type": "provider_error", "param": None, "code": "400"}
    words = f"gemini answered 400: Unable to submit request because it has a {message}"
    assert list(bench.api.results(job)) == [LineResult("0", 400, {"error": {"message": words, **envelope}})]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"key": "0", "error": {"code": 8, "message": "m"}}, {"0": 429}),
        ({"key": "0", "error": {"code": 400, "message": "m"}}, {"0": 400}),
        ({"key": "0", "error": "m"}, {"0": 502}),
        ({"key": "0"}, {"0": 200}),
        ({"response": {}}, {}),
    ],
    ids=str,
)
def test_what_a_line_says(bench: GeminiBatchBench, line: Json, told: dict[str, int]) -> None:
    bench.sandbox.inject(Fault("GET", "/v1beta/files/batch-1", status=200, body=json.dumps(line).encode()))
    job = Job("batches/1", JobState.COMPLETED, outputs=("files/batch-1",))

    assert bench.outcomes(job) == told


# discard


def test_a_discarded_job_is_gone(bench: GeminiBatchBench) -> None:
    order = bench.order([bench.body("hello")])
    job = bench.seen(bench.api.create(order))

    bench.api.discard(PART_ID, order.deployment, job)

    assert (bench.sandbox.content_batches.jobs, bench.stored()) == ({}, {})


def test_a_job_that_runs_is_stopped_before_its_input_goes(bench: GeminiBatchBench) -> None:
    order, _ = bench.held()
    [batch] = bench.sandbox.content_batches.jobs.values()

    bench.api.discard(PART_ID, order.deployment, None)

    bench.steering.settle_batches()
    assert (batch.state, bench.stored()) == ("CANCELLED", {})


@pytest.mark.parametrize("status", [400, 403])
def test_a_file_that_google_will_not_delete_is_left_to_its_own_end(bench: GeminiBatchBench, status: int) -> None:
    order = bench.order([bench.body("hello")])
    job = bench.seen(bench.api.create(order))
    bench.sandbox.inject(Fault("DELETE", "/v1beta/files/batch-", status=status))

    bench.api.discard(PART_ID, order.deployment, job)

    assert bench.sandbox.content_batches.jobs == {}
    assert [uri.rpartition("/")[2] for uri in bench.stored()] == [job.outputs[0].removeprefix("files/")]


def test_a_job_that_google_will_not_delete_is_told(bench: GeminiBatchBench) -> None:
    order = bench.order([bench.body("hello")])
    job = bench.seen(bench.api.create(order))
    bench.sandbox.inject(Fault("DELETE", "/v1beta/batches/", status=403))

    with pytest.raises(ProviderFailed):
        bench.api.discard(PART_ID, order.deployment, job)


def test_a_job_of_which_nothing_is_known_any_more(bench: GeminiBatchBench) -> None:
    early = Job(bench.unknown_job, JobState.IN_PROGRESS)

    assert bench.api.discard(PART_ID, bench.deployment(), early) is None
