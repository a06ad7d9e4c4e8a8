"""The conformance suite runs once for every provider."""

from collections.abc import Iterator

import pytest

from managed_files.providers.registry import PROVIDERS
from tests.contract.batch_benches import BATCH_BENCHES, BatchBench
from tests.contract.benches import BENCHES, Bench

STORING = [kind for kind in BENCHES if PROVIDERS[kind.name].stores_files]


@pytest.fixture(params=BENCHES, ids=lambda kind: kind.name)
def chat_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Every provider, also those that store no files."""
    bench: Bench = request.param()
    yield bench
    bench.close()


@pytest.fixture(params=STORING, ids=lambda kind: kind.name)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench: Bench = request.param()
    yield bench
    bench.close()


@pytest.fixture(params=[kind for kind in STORING if kind.gives_bytes_back], ids=lambda kind: kind.name)
def giving_bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Only the providers that give some files' bytes back."""
    bench: Bench = request.param()
    yield bench
    bench.close()


@pytest.fixture(params=BATCH_BENCHES, ids=lambda kind: kind.label)
def batch_bench(request: pytest.FixtureRequest) -> Iterator[BatchBench]:
    """Only the providers with a batch API."""
    bench: BatchBench = request.param()
    yield bench
    bench.close()
