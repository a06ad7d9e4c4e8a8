"""Asks for one line of a batch, with the patience of somebody for whom nobody waits. Knows no chunk and no table."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from managed_files.batch_records import CHAT, LineResult, Run
from managed_files.errors import GatewayError, ProviderFailed, Unavailable, no_such_file
from managed_files.providers.batches import refused
from managed_files.records import Deployment
from managed_files.repository import FileRepository
from managed_files.services.batches.places import deployment_at
from managed_files.services.calls import Asked, Calls
from managed_files.services.dispatch import Dispatch
from managed_files.services.references import references

_ATTEMPTS = 6  # at a line whose failure may pass
_LONGEST_PAUSE = 60.0  # seconds
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asking:
    """`pause` waits a number of seconds; it returns true when the process is to end."""

    files: FileRepository
    dispatch: Dispatch
    calls: Calls
    deployments: Sequence[Deployment]
    pause: Callable[[float], object]

    def answered(self, run: Run, line: Mapping[str, Any], wanted: Callable[[], bool]) -> LineResult | None:
        """What came of the line, in OpenAI's words; None if it is `wanted` no more, or the process ends first."""
        key, attempt = line["custom_id"], 0
        while wanted():
            try:
                return LineResult(key, 200, self._answer(run, line["body"]))
            except Unavailable:
                raise
            except GatewayError as error:
                attempt += 1
                passing = isinstance(error, ProviderFailed) and error.retryable
                if not passing or attempt == _ATTEMPTS:
                    return refused(key, error)
                if self.pause(_delay(error, attempt)):
                    return None
            except Exception:  # left alone it would be asked, and paid for, again and again until the batch expires
                log.exception("line %s of %s", key, run.id)
                return refused(key, GatewayError("The gateway failed at this request."))
        return None

    def _answer(self, run: Run, body: dict[str, Any]) -> dict[str, Any]:
        """A chat goes to any deployment of its group that can answer it, anything else to the one it was meant for."""
        asked = self._asked(run, body)
        if run.endpoint != CHAT:
            return self.calls.pass_on(deployment_at(run.place, self.deployments), run.endpoint, asked)
        answer = self.dispatch.answer(asked, run.caller)
        return _object(run.place.provider, b"".join(answer.pieces))

    def _asked(self, run: Run, body: dict[str, Any]) -> Asked:
        found = references(body, run.endpoint)
        ids = list(dict.fromkeys(item.file_id for item in found))
        files = self.files.files_of_caller(ids, run.caller) if ids else {}
        for item in found:
            if item.file_id not in files:
                raise no_such_file(item.file_id, item.param)
        return Asked(body, found, files)


def _delay(error: GatewayError, attempt: int) -> float:
    """Seconds before the next attempt: as the provider asks, else exponential."""
    told = error.retry_after or ""
    asked = float(told) if told.isdecimal() else 0.0
    return float(min(_LONGEST_PAUSE, max(asked, 2.0**attempt)))


def _object(provider: str, answer: bytes) -> dict[str, Any]:
    """The answer of a chat. A caller of the chat would be handed whatever it is; here it has to be an answer."""
    try:
        whole = json.loads(answer)
    except ValueError:
        whole = None
    if not isinstance(whole, dict):
        raise ProviderFailed(provider, f"{provider} answered with something that is not a JSON object.")
    return whole
