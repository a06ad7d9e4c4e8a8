"""Which deployment answers, and what is said when none can."""

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from managed_files.errors import Conflict, InvalidRequest, NotFound
from managed_files.records import Account, Caller, Copy, CopyState, Deployment
from managed_files.services import routing
from managed_files.services.routing import Snapshot

FILE, OTHER = "file-mf-" + "a" * 32, "file-mf-" + "b" * 32
EVERYONE = Caller("user")
AWAKE = Snapshot()
NOW = 1_700_000_000


def choose(
    model: str, deployments: Sequence[Deployment], caller: Caller, files: Mapping[str, Sequence[Copy]]
) -> Deployment:
    """The first holder, or the error that the client gets."""
    groups = routing.by_group(deployments)
    found = routing.holders(routing.group(model, groups, caller), files, NOW)
    if not found:
        raise routing.nobody_holds(model, groups, caller, files, NOW)
    return found[0]


def deployment(group: str, account: str) -> Deployment:
    return Deployment(group, f"openai/{group}", group, Account(account, "openai", {}), {})


DEPLOYMENTS = [deployment("a", "one"), deployment("a", "two"), deployment("b", "two"), deployment("secret", "three")]


def copy(account: str, state: CopyState = CopyState.READY, expires_at: int | None = None, file_id: str = FILE) -> Copy:
    return Copy(file_id, account, "openai", state, f"remote-{account}", expires_at=expires_at)


def test_takes_the_first_deployment_that_holds_every_file() -> None:
    files = {FILE: [copy("one"), copy("two")], OTHER: [copy("two", file_id=OTHER)]}
    assert choose("a", DEPLOYMENTS, EVERYONE, files) is DEPLOYMENTS[1]


def test_without_files_takes_the_first_of_the_group() -> None:
    assert choose("a", DEPLOYMENTS, EVERYONE, {}) is DEPLOYMENTS[0]


@pytest.mark.parametrize("model", ["unknown", "b"])
def test_unknown_and_forbidden_models_look_alike(model: str) -> None:
    with pytest.raises(NotFound) as refused:
        choose(model, DEPLOYMENTS, Caller("user", models=("a",)), {})
    assert (refused.value.message, refused.value.code, refused.value.param) == (
        f"The model {model!r} does not exist or this key may not use it.",
        "model_not_found",
        "model",
    )


@pytest.mark.parametrize("state", [CopyState.UPLOADING, CopyState.FAILED, CopyState.DELETING])
def test_a_copy_that_is_not_ready_does_not_count(state: CopyState) -> None:
    with pytest.raises(InvalidRequest, match="Models that have one: none"):
        choose("b", DEPLOYMENTS, EVERYONE, {FILE: [copy("two", state)]})


def test_an_expired_copy_does_not_count() -> None:
    ends = (None, NOW - 1, NOW, NOW + 1)
    states = [routing.usable([copy("two", expires_at=end)], "two", NOW) is not None for end in ends]
    assert states == [True, False, False, True]


def test_names_the_models_that_have_a_copy_but_only_those_this_caller_may_use() -> None:
    files = {FILE: [copy("one"), copy("three")]}
    with pytest.raises(InvalidRequest) as refused:
        choose("b", DEPLOYMENTS, Caller("user", models=("a", "b")), files)
    assert "Models that have one: a." in refused.value.message


def test_a_copy_in_processing_is_a_conflict_to_retry() -> None:
    with pytest.raises(Conflict) as refused:
        choose("b", DEPLOYMENTS, EVERYONE, {FILE: [copy("two", CopyState.PROCESSING)]})
    assert (refused.value.http_status, refused.value.retry_after) == (409, "2")


def test_two_files_at_different_accounts_of_one_model() -> None:
    files = {FILE: [copy("one")], OTHER: [copy("two", file_id=OTHER)]}
    with pytest.raises(InvalidRequest, match="No single deployment of the model a holds all files"):
        choose("a", DEPLOYMENTS, EVERYONE, files)


def picked(strategy: str, snapshots: Sequence[Snapshot], *params: dict[str, float]) -> Counter[int]:
    """How often each of several deployments is drawn over a hundred evenly spread chances."""
    items = [Deployment("a", "a", "a", Account(str(n), "openai", {}), given) for n, given in enumerate(params)]
    states = {id(item): snapshot for item, snapshot in zip(items, snapshots, strict=True)}
    draws = [routing.pick(items, states, strategy, chance / 100) for chance in range(100)]
    return Counter(int(item.account.name) for item in draws)


def test_equals_are_drawn_evenly() -> None:
    assert picked("simple-shuffle", [AWAKE] * 4, {}, {}, {}, {}) == {0: 25, 1: 25, 2: 25, 3: 25}


@pytest.mark.parametrize("key", ["weight", "rpm", "tpm"])
def test_weights_count(key: str) -> None:
    assert picked("simple-shuffle", [AWAKE] * 2, {key: 9}, {key: 1}) == {0: 90, 1: 10}


def test_what_cools_down_is_taken_only_alone() -> None:
    cooling = Snapshot(cooling=True)
    together, alone = picked("simple-shuffle", [cooling, AWAKE], {}, {}), picked("simple-shuffle", [cooling], {})
    assert (together, alone) == ({1: 100}, {0: 100})


def test_least_busy_takes_the_fewest_in_flight() -> None:
    assert picked("least-busy", [Snapshot(in_flight=2), Snapshot(in_flight=1)], {}, {}) == {1: 100}


def test_latency_takes_the_fastest() -> None:
    slow, fast = Snapshot(latency=0.9), Snapshot(latency=0.1)
    assert picked("latency-based-routing", [slow, fast], {}, {}) == {1: 100}


def test_a_spent_quota_is_passed_over() -> None:
    assert picked("simple-shuffle", [Snapshot(requests=5), AWAKE], {"rpm": 5}, {"rpm": 5}) == {1: 100}
