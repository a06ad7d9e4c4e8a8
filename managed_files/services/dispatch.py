"""Which deployments a chat is sent to, one after the other, until one answers. Knows no HTTP and no provider."""

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from managed_files.errors import Conflict, GatewayError, InvalidRequest, NotFound, ProviderFailed
from managed_files.records import Caller, Deployment
from managed_files.router_settings import RouterSettings
from managed_files.services import routing
from managed_files.services.calls import Calls, Chat, ChatAnswer
from managed_files.services.health import Health, speaks_of_health

_LONGEST_PAUSE = 10.0  # seconds; a client waits for the answer, and can come back itself after a longer Retry-After
_TOO_LONG = re.compile(
    r"context.?(length|window)|maximum context|prompt is too long|too many (input )?tokens|input token count", re.I
)


@dataclass(slots=True)
class _Trip:
    """One request on its way. `attempts` counts calls, over all groups."""

    chat: Chat
    caller: Caller
    attempts: int = 0


class Dispatch:
    """Retries within a group, then falls back to other groups. Nothing has reached the client before this is over."""

    def __init__(
        self,
        deployments: Sequence[Deployment],
        calls: Calls,
        health: Health,
        router: RouterSettings,
        pause: Callable[[float], None] = time.sleep,
    ):
        self._deployments = deployments
        self._calls = calls
        self._health = health
        self._router = router
        self._pause = pause

    def answer(self, chat: Chat, caller: Caller, fallbacks: Sequence[str] | None = None) -> ChatAnswer:
        """The first answer. `fallbacks`: the request's own, instead of the configured. Raises the first group's error.

        Ids are resolved anew for every group, so that a fallback answers only if it holds the files too.
        """
        trip, model = _Trip(chat, caller), chat.body["model"]
        try:
            return self._from_group(model, trip)
        except GatewayError as error:
            if not _moves_on(error):
                raise
            for name in self._next_groups(model, error, fallbacks):
                if answer := self._from_fallback(name, trip):
                    return answer
            raise

    def _from_fallback(self, name: str, trip: _Trip) -> ChatAnswer | None:
        try:
            return self._from_group(name, trip)
        except GatewayError as error:
            if _moves_on(error) or isinstance(error, NotFound):
                return None
            raise

    def _next_groups(self, model: str, error: GatewayError, own: Sequence[str] | None) -> list[str]:
        router = self._router
        names: Sequence[str] = own if own is not None else router.fallbacks.get(model, router.default_fallbacks)
        if own is None and _too_long(error):
            names = router.context_window_fallbacks.get(model, names)
        return [name for name in dict.fromkeys(names) if name != model]

    def _from_group(self, model: str, trip: _Trip) -> ChatAnswer:
        members = routing.group(model, self._deployments, trip.caller)
        holders = routing.holders(members, trip.chat.files)
        if not holders:  # the place where a missing copy could be made on the spot
            raise routing.nobody_holds(model, members, self._deployments, trip.caller, trip.chat.files)
        untried = list(holders)
        for retry in range(self._router.num_retries + 1):
            deployment = self._pick(untried or holders)
            untried = [item for item in untried if item is not deployment]
            try:
                return self._call(deployment, trip)
            except ProviderFailed as failure:
                failure.message = f"The model {model} failed: {failure.message}"
                pause = _pause(failure, retry, others=bool(untried))
                if pause is None or retry == self._router.num_retries:
                    raise
                self._pause(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _pick(self, candidates: Sequence[Deployment]) -> Deployment:
        if len(candidates) == 1:
            return candidates[0]
        snapshots = {id(item): self._health.snapshot(item) for item in candidates}
        chance = random.random()  # noqa: S311 - a choice, not a secret
        return routing.pick(candidates, snapshots, self._router.routing_strategy, chance)

    def _call(self, deployment: Deployment, trip: _Trip) -> ChatAnswer:
        trip.attempts += 1
        release = self._health.hold(deployment)
        try:
            with self._health.watching(deployment):
                answer = self._calls.send(deployment, trip.chat, release)
        except BaseException:
            release()
            raise
        told = {"x-managed-files-deployment": deployment.target, "x-managed-files-attempts": str(trip.attempts)}
        return replace(answer, headers=answer.headers | told)


def _moves_on(error: GatewayError) -> bool:
    """Whether another group may do better: the deployments failed, lack a file, or cannot take so long a prompt."""
    if isinstance(error, ProviderFailed):
        return speaks_of_health(error) or error.upstream_status == 404 or _too_long(error)
    return isinstance(error, Conflict) or (type(error) is InvalidRequest and error.code == routing.NO_COPY)


def _too_long(error: GatewayError) -> bool:
    if not isinstance(error, ProviderFailed) or error.upstream_status not in (400, 413, 422):
        return False
    return error.code == "context_length_exceeded" or _TOO_LONG.search(error.message) is not None


def _pause(failure: ProviderFailed, retry: int, *, others: bool) -> float | None:
    """Seconds before the next attempt, None if there should be none. Another deployment is tried at once."""
    if others and (speaks_of_health(failure) or failure.upstream_status == 404):
        return 0.0
    if not failure.retryable:
        return None
    text = failure.retry_after or ""
    asked = float(text) if text.isdigit() else 0.0
    if asked > _LONGEST_PAUSE:
        return None
    return max(asked, 0.25 * 2.0**retry) * random.uniform(1.0, 1.25)  # noqa: S311 - jitter, not a secret
