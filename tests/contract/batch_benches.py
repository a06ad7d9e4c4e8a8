"""One bench per provider with batches: what the suite of batches knows of any one of them."""

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from managed_files.batch_records import CHAT, Job, JobOrder, JobState, LineResult
from managed_files.dialects.base import Exchange
from managed_files.dialects.registry import DIALECTS
from managed_files.providers.base import Provider
from managed_files.providers.batches import BatchApi
from managed_files.records import Upload
from managed_files.sandbox.anthropic import AnthropicSandbox
from managed_files.sandbox.azure import AzureSandbox
from managed_files.sandbox.batch_jobs import BatchSteering
from managed_files.sandbox.mistral import MistralSandbox
from tests.contract.bench import FILE_ID, Bench
from tests.contract.benches import (
    AnthropicBench,
    AzureBench,
    BedrockBench,
    CompatibleBench,
    GeminiBench,
    MistralBench,
    OpenAIBench,
    VertexAIBench,
)

Json = dict[str, Any]

PART_ID = "part-" + "p7" * 16
_VOLATILE = ("id", "created")


class BatchBench(Bench):
    """A bench whose provider runs batches. Stands before the provider's own bench among the bases.

    `label`: its name in the tests. `create_path`: regular expression of the path at which a job is made.
    `unknown_job`: a job's id that the stand-in never gave. `unasked`: the code with which a line comes back that a job
    with this end never asked, None where such lines are missing. `half_kept`: an expired job gives the answers that it
    had. `refused_line`: status of a line whose temperature is out of range. `counts`: a job tells how many lines went
    well and how many did not.
    """

    label: ClassVar[str]
    create_method: ClassVar[str] = "POST"
    create_path: ClassVar[str]
    unknown_job: ClassVar[str]
    unasked: ClassVar[Mapping[str, str | None]] = {"cancelled": "batch_cancelled", "expired": "batch_expired"}
    half_kept: ClassVar[bool] = True
    refused_line: ClassVar[int] = 400
    counts: ClassVar[bool] = True

    @property
    def api(self) -> BatchApi:
        return batches_of(self.provider)

    @property
    def steering(self) -> BatchSteering:
        assert isinstance(self.sandbox, BatchSteering)
        return self.sandbox

    # Bodies and answers

    def body(self, text: str, **fields: Any) -> Json:
        """A chat in the provider's own format."""
        asked = {"messages": [{"role": "user", "content": text}], "max_tokens": 4000, **fields}
        return DIALECTS[self.provider.dialect].request(asked, self.model)

    def bad_body(self) -> Json:
        """A chat that the provider refuses."""
        return self.body("hello", temperature=99)

    def chat_answer(self, body: Json) -> Json:
        """What a chat answers to the body, in OpenAI's format and without what differs from call to call."""
        sent = json.dumps(body).encode()
        endpoint = self.provider.signed(self.provider.chat(self.deployment(), stream=False), sent)
        answer = self.upstream.send("POST", endpoint.url, headers=endpoint.headers, body=sent)
        return self.comparable(answer.json())

    def comparable(self, answer: Mapping[str, Any]) -> Json:
        """A native answer in OpenAI's format, without what differs from call to call."""
        told = DIALECTS[self.provider.dialect].response(dict(answer), Exchange("id", 0, "group"))
        return {name: value for name, value in told.items() if name not in _VOLATILE}

    # Jobs

    def order(self, bodies: Iterable[Json], part_id: str = PART_ID, endpoint: str = CHAT) -> JobOrder:
        """A job of these bodies under the keys "0", "1", …, its input stored if it has to be."""
        deployment = self.deployment()
        lines = [self.api.line(str(key), endpoint, body, deployment) for key, body in enumerate(bodies)]
        texts = [json.dumps(line).encode() for line in lines]
        if not self.api.holds_input:
            return JobOrder(part_id, deployment, endpoint, len(texts), lines=texts)
        return JobOrder(part_id, deployment, endpoint, len(texts), input_id=self.stored_input(texts))

    def stored_input(self, texts: list[bytes]) -> str:
        """The remote id of the lines, just stored."""
        source = self.spooled(b"".join(text + b"\n" for text in texts))
        return self.provider.upload(Upload(FILE_ID, "batch.jsonl", "application/jsonl", "batch", source)).stored_id

    def seen(self, job_id: str) -> Job:
        """The job, once it is held or has ended."""
        self.steering.settle_batches()
        return self.api.job(job_id)

    def ended(self, bodies: Iterable[Json]) -> Job:
        """A job of these bodies that has run."""
        return self.seen(self.api.create(self.order(bodies)))

    def held(self, count: int = 4) -> tuple[JobOrder, str]:
        """A job that is in progress and stays so, and its id."""
        self.steering.hold_batches()
        order = self.order(self.body(f"number {key}") for key in range(count))
        job_id = self.api.create(order)
        self.steering.settle_batches()
        return order, job_id

    def results(self, job: Job) -> dict[str, LineResult]:
        """By key. Every key comes once."""
        listed = list(self.api.results(job))
        found = {result.key: result for result in listed}
        assert len(found) == len(listed)
        return found

    def outcomes(self, job: Job) -> dict[str, int | str | None]:
        """The status of each line, or the code of one that was never asked."""
        return {key: result.status or result.code for key, result in self.results(job).items()}

    def failure_of(self, job: Job) -> str:
        """Why it failed as a whole."""
        assert job.state is JobState.FAILED
        return job.error or ""

    def without_answer(self, keys: Iterable[int], end: str) -> dict[str, str]:
        """The outcomes of lines that a job with this end never asked."""
        code = self.unasked[end]
        return {} if code is None else {str(key): code for key in keys}

    def leftovers(self, order: JobOrder) -> set[str]:
        """What the stand-in holds on behalf of the job, beside the stored input: all that could be deleted."""
        return self.stored().keys() - {order.input_id}

    def since(self) -> int:
        """A time before every job."""
        return int(time.time()) - 60


def batches_of(provider: Provider) -> BatchApi:
    api = provider.batches()
    assert api is not None
    return api


class OpenAIBatchBench(BatchBench, OpenAIBench):
    label = "openai"
    create_path = "/v1/batches$"
    unknown_job = "batch_" + "0" * 32


class AzureBatchBench(BatchBench, AzureBench):
    label = "azure"
    create_path = "/openai/v1/batches$"
    unknown_job = "batch_" + "0" * 32


class DatedAzureBatchBench(AzureBatchBench):
    label = "azure, dated"
    create_path = "/openai/batches$"
    sandbox: AzureSandbox

    def params(self) -> Json:
        return {**super().params(), "api_version": "2024-10-21"}


class GroqBatchBench(BatchBench, CompatibleBench):
    label = "groq"
    name = "groq"
    model = "llama-3.3-70b-versatile"
    create_path = "/openai/v1/batches$"
    unknown_job = "batch_" + "0" * 26


class VertexAIBatchBench(BatchBench, VertexAIBench):
    label = "vertex_ai"
    create_path = "/v1/projects/[^/]+/locations/us-central1/batchPredictionJobs$"
    unknown_job = "projects/424242424242/locations/us-central1/batchPredictionJobs/1"
    unasked: ClassVar[Mapping[str, str | None]] = {"cancelled": None, "expired": None}


class GeminiBatchBench(BatchBench, GeminiBench):
    label = "gemini"
    create_path = "/v1beta/models/[^/]+:batchGenerateContent$"
    unknown_job = "batches/" + "0" * 36
    unasked: ClassVar[Mapping[str, str | None]] = {"cancelled": None, "expired": None}
    half_kept = False


class AnthropicBatchBench(BatchBench, AnthropicBench):
    """Its batches hold no files, and never fail as a whole: every line does."""

    label = "anthropic"
    create_path = "/v1/messages/batches$"
    unknown_job = "msgbatch_01" + "0" * 22
    sandbox: AnthropicSandbox

    def bad_body(self) -> Json:
        """Our dialect lets no bad temperature pass."""
        return {**self.body("hello"), "temperature": 99}

    def failure_of(self, job: Job) -> str:
        assert (job.state, job.completed) == (JobState.COMPLETED, 0)
        return " ".join({result.body["error"]["message"] for result in self.results(job).values()})

    def leftovers(self, order: JobOrder) -> set[str]:
        return set(self.sandbox.batches.jobs)


class MistralBatchBench(BatchBench, MistralBench):
    label = "mistral"
    create_path = "/v1/batch/jobs$"
    unknown_job = "00000000-0000-4000-8000-000000000000"
    unasked: ClassVar[Mapping[str, str | None]] = {"cancelled": None, "expired": None}
    refused_line = 422
    sandbox: MistralSandbox

    def leftovers(self, order: JobOrder) -> set[str]:
        return super().leftovers(order) | set(self.sandbox.jobs.jobs)


class BedrockBatchBench(BatchBench, BedrockBench):
    """Its jobs cannot be deleted."""

    label = "bedrock"
    create_path = "/model-invocation-job$"
    unknown_job = "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/000000000000"
    unasked: ClassVar[Mapping[str, str | None]] = {"cancelled": None, "expired": None}

    def params(self) -> Json:
        role = {"aws_bedrock_endpoint": self.sandbox.url, "aws_batch_role_arn": self.sandbox.batch_role}
        return {**super().params(), **role}


BATCH_BENCHES: tuple[type[BatchBench], ...] = (
    OpenAIBatchBench,
    AzureBatchBench,
    DatedAzureBatchBench,
    GroqBatchBench,
    VertexAIBatchBench,
    GeminiBatchBench,
    AnthropicBatchBench,
    MistralBatchBench,
    BedrockBatchBench,
)
