"""Brings one batch each to the steps at which a crash of the gateway hurts most, and holds them there."""

import re
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass

from openai import APIConnectionError, OpenAI
from openai.types import Batch

from managed_files.sandbox import Fault
from managed_files.sandbox.server import Server
from tests.batching import line
from tests.e2e.batch_calls import Json, reached, run, upload_lines
from tests.e2e.batch_world import BATCHED, VLLM, World
from tests.e2e.gateway import wait_until

FEW, CHUNKED = 6, 60  # lines; the latter are three chunks
ANSWERED = 10  # of the latter, before the others wait
_FOREVER = 3600.0  # seconds that a provider takes for its answer, once it has done what it was asked


@dataclass(frozen=True)
class Steps:
    """What the gateway is made to do. What it waits for then never comes."""

    world: World
    client: OpenAI
    background: Executor

    def all(self) -> dict[str, Batch]:
        """Every step at once. The first is the reconciler's, who then does nothing else any more."""
        batches = {
            "deleting results": self.deleting(),
            "polling": self.polling(),
            "counting": self.counting(),
            "running lines": self.running(),
            "making jobs": self.making(),
        }
        self.uploading()
        return batches

    def deleting(self) -> Batch:
        batch = reached(self.client, self._run("vertex_ai").id)
        self._stop("vertex_ai", "DELETE", ".*/batchPredictionJobs/")
        for file_id in (batch.input_file_id, batch.output_file_id):
            self.client.files.delete(file_id or "")
        self._wait(lambda: self._stuck("vertex_ai", "DELETE", ".*/batchPredictionJobs/"))
        return batch

    def polling(self) -> Batch:
        self.world.hold()
        self._stop("azure", "GET", "/openai/v1/batches/")
        return self._looked_at("azure", "/openai/v1/batches/")

    def counting(self) -> Batch:
        self.world.running["groq"].steering.release_batches()
        self._stop("groq", "GET", "/openai/v1/files/.*/content")
        return self._looked_at("groq", "/openai/v1/files/.*/content")

    def running(self) -> Batch:
        path = self.world.vllm.create_path
        self.world.vllm.sandbox.inject(Fault(path=path, times=ANSWERED))
        self.world.vllm.sandbox.inject(Fault(path=path, times=None, delay=_FOREVER))
        batch = self._run(VLLM, count=CHUNKED)
        self._wait(lambda: self._stuck(VLLM, "POST", path) == 3)
        return batch

    def making(self) -> Batch:
        """At all providers; those that hold their input with us are told all of it again."""
        paths = {name: bench.create_path for name, bench in self.world.running.items()}
        methods = {name: bench.create_method for name, bench in self.world.running.items()}
        for name, path in paths.items():
            self._stop(name, methods[name], path)
        batch = self._run(*BATCHED)
        self._wait(lambda: all(self._stuck(name, methods[name], path) for name, path in paths.items()))
        return batch

    def uploading(self) -> None:
        self._stop("mistral", "POST", "/v1/files")
        self.background.submit(self._upload, lines_for(["mistral"], FEW))
        self._wait(lambda: self._stuck("mistral", "POST", "/v1/files"))

    def _upload(self, lines: Iterable[Json]) -> None:
        with suppress(APIConnectionError):
            upload_lines(self.client, lines)

    def _run(self, *names: str, count: int = FEW) -> Batch:
        return run(self.client, lines_for(names, count))

    def _looked_at(self, name: str, path: str) -> Batch:
        """A batch that is looked up until the provider is asked there."""
        batch = self._run(name)

        def asked() -> bool:
            self.client.batches.retrieve(batch.id)
            return self._stuck(name, "GET", path) > 0

        self._wait(asked)
        return batch

    def _server(self, name: str) -> Server:
        return self.world.all[name].sandbox

    def _stop(self, name: str, method: str, path: str) -> None:
        self._server(name).inject(Fault(method=method, path=path, delay=_FOREVER))

    def _stuck(self, name: str, method: str, path: str) -> int:
        """How many such requests have not been answered."""
        open_ones = [request for request in self._server(name).requests if not request.finished]
        return sum(request.method == method and re.match(path, request.path) is not None for request in open_ones)

    def _wait(self, condition: Callable[[], object]) -> None:
        wait_until(condition, "the gateway waits for the provider", 30.0)


def lines_for(names: Iterable[str], count: int) -> list[Json]:
    """So many lines for each."""
    return [line(f"{name} {number}", name, f"{name} {number}") for name in names for number in range(count)]
