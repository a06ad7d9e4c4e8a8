"""Runs the lines of providers without a batch API: chunk by chunk, a few chats at a time, on every node."""

import json
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from managed_files.batch_records import CHAT, LineResult, Run
from managed_files.errors import GatewayError, NotFound, ProviderFailed, Unavailable
from managed_files.fanout import Fanout
from managed_files.providers.batches import refused
from managed_files.records import Caller, Deployment
from managed_files.repository import FileRepository
from managed_files.run_repository import RunRepository
from managed_files.services.batches.places import deployment_at
from managed_files.services.calls import Calls, Chat
from managed_files.services.dispatch import Dispatch
from managed_files.services.leases import LeaseKeeper
from managed_files.services.references import references

_ATTEMPTS = 6  # at a line whose failure may pass; nobody waits for it, so that there is more time than in a chat
_LONGEST_PAUSE = 60.0  # seconds
_PATIENCE = 5.0  # seconds
_INTERVAL = 1.0  # seconds between two looks for lines
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Runners:
    """What lines are run with. `slots`: account → how many of its lines a process runs at the same time."""

    runs: RunRepository
    files: FileRepository
    dispatch: Dispatch
    calls: Calls
    deployments: Sequence[Deployment]
    leases: LeaseKeeper
    fanout: Fanout
    slots: Mapping[str, int]


class Runner:
    """A line's result is written down before the next line begins, so that no finished line is ever run again."""

    def __init__(self, tools: Runners, pause: Callable[[float], object] | None = None):
        """`pause` waits a number of seconds between two attempts; it returns true when the process is to end."""
        self._tools = tools
        self._pause = pause or threading.Event().wait
        self._busy: Counter[str] = Counter()
        self._changed = threading.Condition()

    def run_once(self) -> int:
        """Begins every chunk for which there is a free slot; how many those are."""
        begun = 0
        while run := self._claimed():
            self._tools.fanout.submit(lambda run=run: self._run(run))  # type: ignore[misc]  # bound now, not later
            begun += 1
        return begun

    def wait(self, timeout: float) -> None:
        """Blocks until nothing runs, for `timeout` seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._busy.total(), timeout)

    def _claimed(self) -> Run | None:
        with self._changed:
            free = [account for account, slots in self._tools.slots.items() if self._busy[account] < slots]
            run = self._tools.runs.claim(free, self._tools.leases.lease) if free else None
            if run is not None:
                self._busy[run.place.account] += 1
            return run

    def _run(self, run: Run) -> None:
        try:
            with self._tools.leases.hold(run.id):
                done = self._all_done(run)
            if done:
                self._tools.runs.end(run)
            else:
                self._tools.runs.renew_leases([run.id], 0.0)  # free for whoever comes next, if it is wanted at all
        except Unavailable:
            log.warning("lines of %s are left to the next node, as the database does not answer", run.batch_id)
        finally:
            with self._changed:
                self._busy[run.place.account] -= 1
                self._changed.notify_all()

    def _all_done(self, run: Run) -> bool:
        for line in map(json.loads, run.lines):
            if line["custom_id"] in run.done:
                continue
            if self._pause(0) or not self._tools.runs.is_wanted(run):
                return False
            result = self._answered(run, line)
            if result is None:
                return False
            self._tools.runs.keep(run, result)
        return True

    def _answered(self, run: Run, line: Mapping[str, Any]) -> LineResult | None:
        """What came of the line, in OpenAI's words; None if the process ends before it is clear."""
        key, attempt = line["custom_id"], 0
        while True:
            try:
                return LineResult(key, 200, self._answer(run, line["body"]))
            except Unavailable:
                raise
            except GatewayError as error:
                attempt += 1
                passing = isinstance(error, ProviderFailed) and error.retryable
                if not passing or attempt == _ATTEMPTS:
                    return refused(key, error)
                if self._pause(_delay(error, attempt)):
                    return None
            except Exception:  # left alone it would be asked, and paid for, again and again until the batch expires
                log.exception("line %s of %s", key, run.id)
                return refused(key, GatewayError("The gateway failed at this request."))

    def _answer(self, run: Run, body: dict[str, Any]) -> dict[str, Any]:
        """A chat goes to any deployment of its group that can answer it, anything else to the one it was meant for."""
        if run.endpoint == CHAT:
            return self._chat(run, body)
        deployment = deployment_at(run.place, self._tools.deployments)
        return self._tools.calls.pass_on(deployment, run.endpoint, body)

    def _chat(self, run: Run, body: dict[str, Any]) -> dict[str, Any]:
        caller = Caller(run.owner, run.team)
        found = references(body)
        ids = list(dict.fromkeys(item.file_id for item in found))
        files = self._tools.files.files_of_caller(ids, caller) if ids else {}
        for item in found:
            if item.file_id not in files:
                raise NotFound(f"No such File object: {item.file_id[:200]}", param=item.param)
        answer = self._tools.dispatch.answer(Chat(body, found, files), caller)
        return _object(run.place.provider, b"".join(answer.pieces))


class RunnerThread:
    """Looks for lines in the background, in every process."""

    def __init__(self, runner: Runner, stop: threading.Event, interval: float = _INTERVAL):
        self._runner = runner
        self._stop = stop
        self._interval = interval
        self._thread: threading.Thread | None = None
        self._pid = 0

    def start(self) -> None:
        """Idempotent within a process; a forked child starts its own."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._thread = threading.Thread(target=self._run, name="batch lines", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Gives the lines that run now a few seconds; their chunks are taken up again by whoever comes first."""
        self._stop.set()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join(_PATIENCE)
            self._runner.wait(_PATIENCE)

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            try:
                self._runner.run_once()
            except Exception as error:
                log.warning("batch lines: they cannot be looked for now: %s", error)


def _object(provider: str, answer: bytes) -> dict[str, Any]:
    """The answer of a chat. A caller of the chat would be handed whatever it is; here it has to be an answer."""
    try:
        whole = json.loads(answer)
    except ValueError:
        whole = None
    if not isinstance(whole, dict):
        raise ProviderFailed(provider, f"{provider} answered with something that is not a JSON object.")
    return whole


def _delay(error: GatewayError, attempt: int) -> float:
    """Seconds before the next attempt: as the provider asks, else exponential."""
    told = error.retry_after or ""
    asked = float(told) if told.isdecimal() else 0.0
    return float(min(_LONGEST_PAUSE, max(asked, 2.0**attempt)))
