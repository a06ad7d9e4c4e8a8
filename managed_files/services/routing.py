"""Which deployment answers a chat request. Pure functions of values; `now` in Unix seconds."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from managed_files.errors import Conflict, GatewayError, InvalidRequest, NotFound
from managed_files.records import Caller, Copy, CopyState, Deployment

Files = Mapping[str, Sequence[Copy]]  # file id → its copies
Groups = Mapping[str, Sequence[Deployment]]  # name of a model group → its deployments
NO_COPY = "no_copy_for_model"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One deployment at one moment. `latency`: seconds to the first byte, a moving average; None: not known lately."""

    in_flight: int = 0
    cooling: bool = False
    latency: float | None = None
    requests: int = 0  # in the last minute


def names(deployments: Sequence[Deployment]) -> dict[int, str]:
    """What a client is told of each deployment, by its id(): the entry's `model`, numbered from the second such on."""
    seen: Counter[str] = Counter()
    told = {}
    for item in deployments:
        seen[item.target] += 1
        number = seen[item.target]
        told[id(item)] = quote(item.target, safe="/:@") + (f"#{number}" if number > 1 else "")
    return told


def by_group(deployments: Sequence[Deployment]) -> dict[str, list[Deployment]]:
    """The deployments by the name of their group, in the order of the configuration."""
    found: dict[str, list[Deployment]] = {}
    for item in deployments:
        found.setdefault(item.model_group, []).append(item)
    return found


def group(model: str, groups: Groups, caller: Caller) -> Sequence[Deployment]:
    """The deployments of a model group. Raises NotFound for a group that does not exist or may not be used."""
    if model not in groups or not caller.may_use(model):
        raise no_such_model(model)
    return groups[model]


def holders(members: Sequence[Deployment], files: Files, now: float) -> list[Deployment]:
    """Those of a group that hold every file, in a state that a chat can use."""
    return [item for item in members if all(usable(copies, item.account.name, now) for copies in files.values())]


def pick(
    candidates: Sequence[Deployment], snapshots: Mapping[int, Snapshot], strategy: str, chance: float
) -> Deployment:
    """One of the candidates; those that cool down only if there is no other. `chance`: from 0 to below 1.

    `snapshots`: by the deployment's id(). Strategies as LiteLLM names them: `simple-shuffle` draws by `weight`, else
    by `rpm`, else by `tpm`; `least-busy` takes the one with the fewest calls in flight, `latency-based-routing` the
    one that has been answering fastest; equals are drawn.
    """
    awake = [item for item in candidates if not snapshots[id(item)].cooling] or list(candidates)
    within = [item for item in awake if not _spent(item, snapshots[id(item)])] or awake
    if strategy == "least-busy":
        within = _least(within, lambda item: snapshots[id(item)].in_flight)
    elif strategy == "latency-based-routing":
        within = _least(within, lambda item: snapshots[id(item)].latency or 0.0)
    return _drawn(within, chance)


def no_such_model(model: str) -> NotFound:
    """OpenAI's answer for a model that does not exist or may not be used."""
    return NotFound(
        f"The model {model[:200]!r} does not exist or this key may not use it.", param="model", code="model_not_found"
    )


def usable(copies: Sequence[Copy], account: str, now: float) -> Copy | None:
    """The copy at this account, if a chat can use it."""
    for copy in copies:
        alive = copy.expires_at is None or copy.expires_at > now
        if alive and copy.account == account and copy.state is CopyState.READY:
            return copy
    return None


def nobody_holds(model: str, groups: Groups, caller: Caller, files: Files, now: float) -> GatewayError:
    """Why no member of the group can answer: for each file, which model groups have it."""
    accounts = {deployment.account.name for deployment in groups[model]}
    missing = {file_id: copies for file_id, copies in files.items() if not _held(copies, accounts, now)}
    waiting = [file_id for file_id, copies in missing.items() if _processing(copies, accounts)]
    if waiting:
        error = Conflict(f"The file {waiting[0]} is still being processed for the model {model}. Try again soon.")
        error.retry_after = "2"
        return error
    allowed = {name: items for name, items in groups.items() if caller.may_use(name)}
    told = [
        f"The file {file_id} has no copy that the model {model} can use. Models that have one: "
        f"{_owners(copies, allowed, now)}."
        for file_id, copies in missing.items()
    ] or [f"No single deployment of the model {model} holds all files of this request."]
    remedy = f"Use one of them, or upload again with {model} among the target_model_names."
    return InvalidRequest(f"{' '.join(told)} {remedy}", param="model", code=NO_COPY)


def _held(copies: Sequence[Copy], accounts: set[str], now: float) -> bool:
    return any(usable(copies, account, now) for account in accounts)


def _processing(copies: Sequence[Copy], accounts: set[str]) -> bool:
    return any(copy.account in accounts and copy.state is CopyState.PROCESSING for copy in copies)


def _owners(copies: Sequence[Copy], allowed: Groups, now: float) -> str:
    names = [name for name, items in allowed.items() if any(usable(copies, item.account.name, now) for item in items)]
    return ", ".join(names) or "none"


def _spent(deployment: Deployment, snapshot: Snapshot) -> bool:
    """Whether this worker alone has used up the deployment's requests a minute."""
    rpm = deployment.params.get("rpm")
    return rpm is not None and snapshot.requests >= rpm


def _least(items: Sequence[Deployment], measure: Callable[[Deployment], float]) -> list[Deployment]:
    lowest = min(map(measure, items))
    return [item for item in items if measure(item) == lowest]


def _drawn(items: Sequence[Deployment], chance: float) -> Deployment:
    weights = _weights(items)
    mark = chance * sum(weights)
    for item, weight in zip(items, weights, strict=True):
        mark -= weight
        if mark < 0:
            return item
    return items[-1]


def _weights(items: Sequence[Deployment]) -> list[float]:
    for key in ("weight", "rpm", "tpm"):
        if any(item.params.get(key) for item in items):
            return [float(item.params.get(key) or 0) for item in items]
    return [1.0] * len(items)
