"""Batch jobs and embeddings at Mistral's stand-in, driven by Mistral's own client."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from mistralai.client import Mistral
from mistralai.client.errors import MistralError

from managed_files.sandbox import MistralSandbox

Json = dict[str, Any]
KEYS = {"key-one": "workspace-1", "key-two": "workspace-2"}
SMALL = "mistral-small-latest"
CHAT = "/v1/chat/completions"


@pytest.fixture
def sandbox() -> Iterator[MistralSandbox]:
    with MistralSandbox(api_keys=KEYS) as server:
        yield server


@pytest.fixture
def client(sandbox: MistralSandbox) -> Iterator[Mistral]:
    with Mistral(server_url=sandbox.url, api_key="key-one") as made:
        yield made


def line(custom_id: str, text: str = "hello", **fields: Any) -> Json:
    return {"custom_id": custom_id, "body": {"messages": [{"role": "user", "content": text}], **fields}}


def stored(client: Mistral, *lines: Json | str, purpose: Any = "batch") -> str:
    """The id of a file with these lines."""
    text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    return client.files.upload(file={"file_name": "in.jsonl", "content": text.encode()}, purpose=purpose).id


def ordered(client: Mistral, *lines: Json | str, **changes: Any) -> Any:
    """The job of these lines."""
    order = {"endpoint": CHAT, "model": SMALL, "metadata": {"mine": "yes"}, **changes}
    return client.batch.jobs.create(input_files=[stored(client, *lines)], **order)


def written(client: Mistral, file_id: str) -> list[Json]:
    return [json.loads(text) for text in client.files.download(file_id=file_id).read().splitlines()]


def test_a_job_from_its_creation_to_its_files(sandbox: MistralSandbox, client: Mistral) -> None:
    made = ordered(client, line("a"), line("b", temperature=9))
    sandbox.settle_batches()

    job = client.batch.jobs.get(job_id=made.id)
    [good], [bad] = written(client, str(job.output_file)), written(client, str(job.error_file))
    counts = (job.total_requests, job.completed_requests, job.succeeded_requests, job.failed_requests)
    assert (made.status, job.status, counts, job.metadata) == ("QUEUED", "SUCCESS", (2, 2, 1, 1), {"mine": "yes"})
    assert (good["custom_id"], good["response"]["body"]["object"]) == ("a", "chat.completion")
    assert (bad["custom_id"], bad["response"]["status_code"]) == ("b", 422)


def test_files_that_it_wrote_say_so(sandbox: MistralSandbox, client: Mistral) -> None:
    made = ordered(client, line("a"))
    sandbox.settle_batches()

    file = client.files.retrieve(file_id=str(client.batch.jobs.get(job_id=made.id).output_file))
    assert (file.purpose, file.sample_type, file.source) == ("batch", "batch_result", "mistral")


def test_a_cancelled_job(sandbox: MistralSandbox, client: Mistral) -> None:
    sandbox.hold_batches()
    made = ordered(client, line("a"))
    sandbox.settle_batches()
    running = client.batch.jobs.get(job_id=made.id).status
    cancelled = client.batch.jobs.cancel(job_id=made.id).status
    sandbox.settle_batches()

    job = client.batch.jobs.get(job_id=made.id)
    assert (running, cancelled, job.status, job.output_file) == (
        "RUNNING",
        "CANCELLATION_REQUESTED",
        "CANCELLED",
        None,
    )


def test_a_job_that_ran_out_of_time(sandbox: MistralSandbox, client: Mistral) -> None:
    sandbox.hold_batches()
    made = ordered(client, line("a"), line("b"))
    sandbox.settle_batches()
    sandbox.expire_batches()
    sandbox.settle_batches()

    job = client.batch.jobs.get(job_id=made.id)
    assert (job.status, [one["custom_id"] for one in written(client, str(job.output_file))]) == (
        "TIMEOUT_EXCEEDED",
        ["a"],
    )


def test_a_job_is_deleted_after_its_end_only(sandbox: MistralSandbox, client: Mistral) -> None:
    sandbox.hold_batches()
    made = ordered(client, line("a"))
    with pytest.raises(MistralError, match="cannot be deleted"):
        client.batch.jobs.delete(job_id=made.id)
    sandbox.settle_batches()
    sandbox.release_batches()
    sandbox.settle_batches()

    assert (client.batch.jobs.delete(job_id=made.id).deleted, client.batch.jobs.list().total) == (True, 0)


def test_an_ended_job_cannot_be_cancelled(sandbox: MistralSandbox, client: Mistral) -> None:
    made = ordered(client, line("a"))
    sandbox.settle_batches()

    with pytest.raises(MistralError, match="cannot be cancelled"):
        client.batch.jobs.cancel(job_id=made.id)


def test_a_list_has_pages_newest_first(sandbox: MistralSandbox, client: Mistral) -> None:
    ids = [ordered(client, line("a")).id for _ in range(3)]
    sandbox.settle_batches()
    pages = [client.batch.jobs.list(page=page, page_size=2, status=["SUCCESS"]) for page in (0, 1)]

    assert ([[job.id for job in page.data] for page in pages], pages[0].total) == ([ids[:0:-1], ids[:1]], 3)


def test_another_workspace_sees_nothing(sandbox: MistralSandbox, client: Mistral) -> None:
    made = ordered(client, line("a"))

    with Mistral(server_url=sandbox.url, api_key="key-two") as other:
        with pytest.raises(MistralError) as caught:
            other.batch.jobs.get(job_id=made.id)
        assert (caught.value.status_code, other.batch.jobs.list().total) == (404, 0)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"endpoint": "/v1/ocr"}, 422),
        ({"model": None}, 422),
        ({"model": "mistral-imaginary"}, 400),
        ({"timeout_hours": 0}, 422),
        ({"timeout_hours": 169}, 422),
        ({"metadata": {"number": 1}}, 422),
        ({"metadata": "text"}, 422),
        ({"input_files": []}, 422),
        ({"input_files": ["00000000-0000-4000-8000-000000000000"]}, 404),
        ({"more": 1}, 422),
    ],
    ids=str,
)
def test_orders_that_are_refused(sandbox: MistralSandbox, client: Mistral, changes: Json, status: int) -> None:
    order = {"endpoint": CHAT, "model": SMALL, "input_files": [stored(client, line("a"))], **changes}
    headers = {"Authorization": "Bearer key-one"}

    answer = requests.post(f"{sandbox.url}/v1/batch/jobs", json=order, headers=headers, timeout=10)
    assert answer.status_code == status


def test_a_file_of_another_purpose_is_no_input(client: Mistral) -> None:
    file_id = stored(client, line("a"), purpose="ocr")

    with pytest.raises(MistralError, match="purpose"):
        client.batch.jobs.create(input_files=[file_id], endpoint=CHAT, model=SMALL)


@pytest.mark.parametrize(
    "lines",
    [
        ["{"],
        ["[]"],
        [""],
        [line("a"), line("a")],
        [line("a", model=SMALL)],
        [{**line("a"), "method": "POST"}],
        [{"custom_id": 1, "body": {}}],
        [{"custom_id": "a"}],
    ],
    ids=str,
)
def test_inputs_that_fail_the_job(sandbox: MistralSandbox, client: Mistral, lines: list[Any]) -> None:
    made = ordered(client, *lines)
    sandbox.settle_batches()

    job = client.batch.jobs.get(job_id=made.id)
    assert (job.status, len(job.errors), job.output_file) == ("FAILED", 1, None)


def test_equal_texts_have_equal_embeddings(client: Mistral) -> None:
    one, two, three = client.embeddings.create(model="mistral-embed", inputs=["a", "a", "b"]).data

    assert (one.embedding == two.embedding, one.embedding == three.embedding) == (True, False)
