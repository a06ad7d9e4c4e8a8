"""Nine providers behind one gateway: eight that run batches, and one whose lines the gateway runs itself."""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from managed_files.sandbox.anthropic import AnthropicSandbox
from managed_files.sandbox.compatible import DEFAULT_KEY
from managed_files.sandbox.gemini import GeminiSandbox
from managed_files.sandbox.google import GoogleSandbox
from managed_files.sandbox.mistral import MistralSandbox
from tests.contract.batch_benches import (
    AnthropicBatchBench,
    AzureBatchBench,
    BatchBench,
    BedrockBatchBench,
    GeminiBatchBench,
    GroqBatchBench,
    MistralBatchBench,
    OpenAIBatchBench,
    VertexAIBatchBench,
)
from tests.contract.benches import Bench, CompatibleBench
from tests.e2e.gateway import MASTER_KEY


class VllmBench(CompatibleBench):
    """A server without batches and without files."""

    name = "hosted_vllm"
    model = "llama"
    create_path: ClassVar[str] = "/v1/chat/completions$"  # at which its share of a batch begins


RUNNING: tuple[type[BatchBench], ...] = (
    OpenAIBatchBench,
    AzureBatchBench,
    VertexAIBatchBench,
    GeminiBatchBench,
    AnthropicBatchBench,
    BedrockBatchBench,
    MistralBatchBench,
    GroqBatchBench,
)
BATCHED = [kind.name for kind in RUNNING]
VLLM = VllmBench.name
MODELS = [*BATCHED, VLLM]  # each provider's model group is called as the provider
STORING = [name for name in BATCHED if name != "groq"]  # whose chats can name a stored file


@dataclass(frozen=True)
class World:
    """The providers by the name of their model group."""

    running: Mapping[str, BatchBench]
    vllm: VllmBench

    @property
    def all(self) -> dict[str, Bench]:
        return {**self.running, VLLM: self.vllm}

    def configuration(self, *, vllm_key: str = DEFAULT_KEY, **general: Any) -> dict[str, Any]:
        """One model a provider. Looks for work are frequent, so that a test waits for nothing else."""
        entries = {name: bench.params() | {"model": f"{name}/{bench.model}"} for name, bench in self.all.items()}
        entries[VLLM] |= {"account": VLLM, "api_key": vllm_key}  # one account, whichever key a node has
        often = {"reconcile_interval": 0.1, "batch_interval": 0.05, "batch_poll_interval": 0.05}
        return {
            "model_list": [{"model_name": name, "litellm_params": params} for name, params in entries.items()],
            "general_settings": {"master_key": MASTER_KEY, **often, **general},
            "router_settings": {"num_retries": 0},  # so that one fault is one failure
        }

    def reset(self) -> None:
        for bench in self.all.values():
            bench.sandbox.reset()

    def hold(self) -> None:
        """New jobs stay in progress everywhere."""
        for bench in self.running.values():
            bench.steering.hold_batches()

    def release(self) -> None:
        """The held jobs run."""
        for bench in self.running.values():
            bench.steering.release_batches()

    def left(self) -> dict[str, list[str]]:
        """Files, and jobs that can be deleted, that the providers hold; those that hold none are left out."""
        held = {name: [*bench.stored(), *jobs_at(bench)] for name, bench in self.running.items()}
        return {name: ids for name, ids in held.items() if ids}

    def ordered(self) -> dict[str, int]:
        """How often each provider was asked to make a job."""
        return {name: orders(bench) for name, bench in self.running.items()}


def jobs_at(bench: BatchBench) -> list[str]:
    """The jobs of providers that let go of them."""
    match bench.sandbox:
        case AnthropicSandbox() as sandbox:
            return list(sandbox.batches.jobs)
        case MistralSandbox() as sandbox:
            return list(sandbox.jobs.jobs)
        case GeminiSandbox() as sandbox:
            return list(sandbox.content_batches.jobs)
        case GoogleSandbox() as sandbox:
            return list(sandbox.predictions.jobs)
        case _:
            return []


def orders(bench: BatchBench) -> int:
    """How many requests were to make a job."""
    asked = [request for request in bench.sandbox.requests if request.method == bench.create_method]
    return sum(re.match(bench.create_path, request.path) is not None for request in asked)


@contextmanager
def serve() -> Iterator[World]:
    with ExitStack() as stack:
        running = {kind.name: stack.enter_context(closing(kind())) for kind in RUNNING}
        yield World(running, stack.enter_context(closing(VllmBench())))
