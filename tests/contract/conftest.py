"""The conformance suite runs once for every provider; other people's emulators run once a worker."""

from collections.abc import Iterator

import pytest

from managed_files.providers.registry import PROVIDERS
from tests.contract import aimock
from tests.contract.aimock import AiMock
from tests.contract.batch_benches import BATCH_BENCHES, BatchBench
from tests.contract.benches import BENCHES, Bench
from tests.gateway import Bench as Gateway
from tests.gateway import StandIns, settings_for
from tests.gateway_fixtures import running as running
from tests.gateway_fixtures import stand_ins as stand_ins

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


@pytest.fixture(scope="session")
def running_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AiMock]:
    with aimock.serve(tmp_path_factory.mktemp("aimock")) as running:
        yield running


@pytest.fixture
def emulator(running_emulator: AiMock) -> AiMock:
    """aimock, with nothing received and nothing stored."""
    running_emulator.reset()
    return running_emulator


@pytest.fixture
def gateway(url: str, stand_ins: StandIns, emulator: AiMock) -> Iterator[Gateway]:
    """The whole gateway before aimock, one model for each API it speaks."""
    gateway = Gateway(settings_for(url, stand_ins, emulator.entries(stand_ins.google)), stand_ins)
    yield gateway
    gateway.close()
