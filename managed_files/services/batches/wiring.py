"""Builds the parts of batches: each once, top to bottom."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from managed_files.batch_records import BatchLimits
from managed_files.batch_repository import BatchRepository
from managed_files.database import Database
from managed_files.fanout import Fanout
from managed_files.providers.base import Provider
from managed_files.run_repository import RunRepository
from managed_files.services.attempt import Tools
from managed_files.services.batches.asking import Asking
from managed_files.services.batches.batches import Batches
from managed_files.services.batches.following import Follower, Followers
from managed_files.services.batches.intake import Rewriting
from managed_files.services.batches.receivers import Receivers
from managed_files.services.batches.results import Results
from managed_files.services.batches.retrying import Retrying
from managed_files.services.batches.running import Runner, Runners, RunnerThread
from managed_files.services.batches.storing import BatchUploads
from managed_files.services.batches.webhooks import Webhooks
from managed_files.services.calls import Calls
from managed_files.services.dispatch import Dispatch
from managed_files.services.leases import LeaseKeeper
from managed_files.services.steps import AT_ONCE, Steps
from managed_files.settings import Settings
from managed_files.upstream import Upstream
from managed_files.webhook_signature import key_of

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class BatchServices:
    """What the rest of the gateway uses of them."""

    uploads: BatchUploads
    batches: Batches
    follower: Follower
    runner: RunnerThread
    webhooks: Webhooks
    threads: tuple[Fanout, ...]

    def close(self) -> None:
        """Ends what goes on beside the requests, after the step that it is at."""
        self.runner.stop()
        for threads in self.threads:
            threads.close()


def build(
    settings: Settings, database: Database, upstream: Upstream, tools: Tools, calls: Calls, dispatch: Dispatch
) -> BatchServices:
    """`tools`: those of uploads, which a batch's inputs are."""
    repository, runs, deployments = BatchRepository(database), RunRepository(database), settings.deployments
    results = Results(tools.providers, deployments, repository, runs)
    most = BatchLimits(settings.max_batch_lines, settings.max_batch_file_size_mb * _MIB)
    uploads = BatchUploads(tools, repository, Rewriting(tools.repository, tools.providers, deployments, calls, most))
    steps, background, calls_back = Fanout(AT_ONCE), Fanout(16), Fanout(16)
    followers = Followers(
        repository,
        tools.repository,
        runs,
        tools.providers,
        deployments,
        results,
        LeaseKeeper(repository),
        Steps(steps),
    )
    follower = Follower(followers, settings.batch_poll_interval)
    retrying = Retrying(tools.repository, repository, uploads, results, tools.providers, deployments)
    key = None if settings.webhook_secret is None else key_of(settings.webhook_secret)
    receivers = Receivers(settings.webhook_hosts, signed=key is not None)
    webhooks = Webhooks(repository, upstream, receivers, key, calls_back)
    batches = Batches(tools.repository, repository, follower, results, retrying, background, receivers)
    runner = _runner(settings, runs, tools, calls, dispatch)
    return BatchServices(uploads, batches, follower, runner, webhooks, (background, steps, calls_back))


def _runner(settings: Settings, runs: RunRepository, tools: Tools, calls: Calls, dispatch: Dispatch) -> RunnerThread:
    """For lines that the provider takes in no batch."""
    stop, slots = threading.Event(), _slots(tools.providers, settings.batch_concurrency)
    threads = Fanout(max(1, sum(slots.values())))
    asking = Asking(tools.repository, dispatch, calls, settings.deployments, stop.wait)
    runners = Runners(runs, asking, LeaseKeeper(runs), threads, slots)
    return RunnerThread(Runner(runners), stop, settings.batch_interval)


def _slots(providers: Mapping[str, Provider], usual: int) -> dict[str, int]:
    """Lines at the same time by account: what is usual, or an entry's `max_connections` if that is less."""
    return {
        name: min(usual, int(provider.account.params.get("max_connections") or usual))
        for name, provider in providers.items()
    }
