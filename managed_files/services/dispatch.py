"""Which deployments a chat is sent to, one after the other, until one answers. Knows no HTTP and no provider."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from managed_files import presence
from managed_files.errors import GatewayError, Inexpressible, ProviderFailed, Unavailable
from managed_files.records import Caller, Deployment
from managed_files.router_settings import RouterSettings
from managed_files.services import retries, routing
from managed_files.services.calls import Asked, Calls, ChatAnswer, timeout_of
from managed_files.services.health import Health, Visit
from managed_files.services.routing import Snapshot

_PATIENCE = 10.0  # seconds to wait for a free connection, and never longer than the deployment's own time-out


@dataclass(slots=True)
class _Trip:
    """One request on its way. `attempts` counts calls, over all groups; `waited`: for a connection, once or more."""

    chat: Asked
    caller: Caller
    attempts: int = 0
    waited: bool = False


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
        self._groups = routing.by_group(deployments)
        self._names = routing.names(deployments)
        self._calls = calls
        self._health = health
        self._router = router
        self._pause = pause

    def answer(self, chat: Asked, caller: Caller, fallbacks: Sequence[str] | None = None) -> ChatAnswer:
        """The first answer. `fallbacks`: the request's own, instead of the configured. Raises the first group's error.

        Ids are resolved anew for every group, so that a fallback answers only if it holds the files too. Where all
        deployments of the group rest after failures, the fallbacks are asked before them.
        """
        trip, model = _Trip(chat, caller), chat.body["model"]
        routing.group(model, self._groups, caller)  # who may not use it gets none of its fallbacks either
        usual = self._next_groups(model, None, fallbacks)
        asked = usual if usual and self._rests(model, trip) else []
        if answer := self._from_fallbacks(asked, trip):
            return answer
        try:
            return self._from_group(model, trip, hurry=bool(usual) and not asked)
        except GatewayError as error:
            if not retries.another_group_may_do(error):
                raise
            names = [name for name in self._next_groups(model, error, fallbacks) if name not in asked]
            if answer := self._from_fallbacks(names, trip):
                return answer
            raise

    def _from_fallbacks(self, names: Sequence[str], trip: _Trip) -> ChatAnswer | None:
        """None whatever goes wrong, be it that this key may not use a group: the client asked for another one."""
        for name in sorted(names, key=lambda name: self._rests(name, trip)):
            with suppress(GatewayError):
                return self._from_group(name, trip)
        return None

    def _next_groups(self, model: str, error: GatewayError | None, own: Sequence[str] | None) -> list[str]:
        long = error is not None and retries.too_long(error)
        names = own if own is not None else self._router.fallbacks_of(model, too_long=long)
        return [name for name in dict.fromkeys(names) if name != model]

    def _rests(self, model: str, trip: _Trip) -> bool:
        """Whether nobody there could be asked now. Not a check of rights."""
        holders = routing.holders(self._groups.get(model, ()), trip.chat.files, time.time())
        return all(self._health.snapshot(item).cooling for item in holders)

    def _from_group(self, model: str, trip: _Trip, *, hurry: bool = False) -> ChatAnswer:
        """`hurry`: wait for nobody who rests, for there is another group to ask."""
        holders = self._holders(model, trip)
        untried, retry = holders, 0
        while True:
            visit = self._admit(model, untried or holders, trip)
            untried = _without(visit.deployment, untried)
            try:
                return self._call(visit, trip)
            except Inexpressible:  # nothing was sent, and another dialect of the group may have the word
                holders = _without(visit.deployment, holders)
                if not holders:
                    raise
            except ProviderFailed as failure:
                failure.message = f"The model {model} failed: {failure.message}"
                pause = retries.pause_before(retry, failure, others=bool(untried))
                if pause is None or retry == self._router.num_retries or (hurry and self._rests(model, trip)):
                    raise
                retry += 1
                self._pause(pause)

    def _holders(self, model: str, trip: _Trip) -> Sequence[Deployment]:
        members, now = routing.group(model, self._groups, trip.caller), time.time()
        holders = routing.holders(members, trip.chat.files, now)
        if not holders:  # the place where a missing copy could be made on the spot
            raise routing.nobody_holds(model, self._groups, trip.caller, trip.chat.files, now)
        return holders

    def _admit(self, model: str, candidates: Sequence[Deployment], trip: _Trip) -> Visit:
        visit = self._health.admit(candidates, self._pick, 0) or self._wait(candidates, trip)
        if visit is None:
            raise Unavailable(f"All connections that the model {model} may use are busy. Try again soon.")
        return visit

    def _wait(self, candidates: Sequence[Deployment], trip: _Trip) -> Visit | None:
        stream = bool(trip.chat.body.get("stream"))
        trip.waited = True
        patience = min(_PATIENCE, *(timeout_of(item, stream) for item in candidates))
        return self._health.admit(candidates, self._pick, patience)

    def _pick(self, candidates: Sequence[Deployment], snapshots: Mapping[int, Snapshot]) -> Deployment:
        chance = random.random()  # noqa: S311 - a choice, not a secret
        return routing.pick(candidates, snapshots, self._router.routing_strategy, chance)

    def _call(self, visit: Visit, trip: _Trip) -> ChatAnswer:
        try:
            if trip.attempts or trip.waited:
                presence.check()
            answer = self._calls.send(visit.deployment, trip.chat, visit.end)
        except BaseException as error:
            trip.attempts += isinstance(error, ProviderFailed)
            visit.end(error)
            raise
        trip.attempts += 1
        visit.answered()
        answer.headers["x-managed-files-deployment"] = self._names[id(visit.deployment)]
        answer.headers["x-managed-files-attempts"] = str(trip.attempts)
        return answer


def _without(deployment: Deployment, items: Sequence[Deployment]) -> Sequence[Deployment]:
    return [item for item in items if item is not deployment]
