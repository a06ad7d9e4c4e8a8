"""Which deployment answers, and what is said when none can."""

import time

import pytest

from managed_files.errors import Conflict, InvalidRequest, NotFound
from managed_files.records import Account, Caller, Copy, CopyState, Deployment
from managed_files.services import routing

FILE, OTHER = "file-mf-" + "a" * 32, "file-mf-" + "b" * 32
EVERYONE = Caller("user")


def deployment(group: str, account: str) -> Deployment:
    return Deployment(group, f"openai/{group}", group, Account(account, "openai", {}), {})


DEPLOYMENTS = [deployment("a", "one"), deployment("a", "two"), deployment("b", "two"), deployment("secret", "three")]


def copy(account: str, state: CopyState = CopyState.READY, expires_at: int | None = None, file_id: str = FILE) -> Copy:
    return Copy(file_id, account, "openai", state, f"remote-{account}", expires_at=expires_at)


def test_takes_the_first_deployment_that_holds_every_file() -> None:
    files = {FILE: [copy("one"), copy("two")], OTHER: [copy("two", file_id=OTHER)]}
    assert routing.choose("a", DEPLOYMENTS, EVERYONE, files) is DEPLOYMENTS[1]


def test_without_files_takes_the_first_of_the_group() -> None:
    assert routing.choose("a", DEPLOYMENTS, EVERYONE, {}) is DEPLOYMENTS[0]


@pytest.mark.parametrize("model", ["unknown", "b"])
def test_unknown_and_forbidden_models_look_alike(model: str) -> None:
    with pytest.raises(NotFound) as refused:
        routing.choose(model, DEPLOYMENTS, Caller("user", models=("a",)), {})
    assert (refused.value.message, refused.value.code, refused.value.param) == (
        f"The model {model!r} does not exist or this key may not use it.",
        "model_not_found",
        "model",
    )


@pytest.mark.parametrize("state", [CopyState.UPLOADING, CopyState.FAILED, CopyState.DELETING])
def test_a_copy_that_is_not_ready_does_not_count(state: CopyState) -> None:
    with pytest.raises(InvalidRequest, match="Models that have one: none"):
        routing.choose("b", DEPLOYMENTS, EVERYONE, {FILE: [copy("two", state)]})


def test_an_expired_copy_does_not_count() -> None:
    now = int(time.time())
    states = [routing.usable([copy("two", expires_at=at)], "two") is not None for at in (None, now - 5, now + 60)]
    assert states == [True, False, True]


def test_names_the_models_that_have_a_copy_but_only_those_this_caller_may_use() -> None:
    files = {FILE: [copy("one"), copy("three")]}
    with pytest.raises(InvalidRequest) as refused:
        routing.choose("b", DEPLOYMENTS, Caller("user", models=("a", "b")), files)
    assert "Models that have one: a." in refused.value.message


def test_a_copy_in_processing_is_a_conflict_to_retry() -> None:
    with pytest.raises(Conflict) as refused:
        routing.choose("b", DEPLOYMENTS, EVERYONE, {FILE: [copy("two", CopyState.PROCESSING)]})
    assert (refused.value.http_status, refused.value.retry_after) == (409, "2")


def test_two_files_at_different_accounts_of_one_model() -> None:
    files = {FILE: [copy("one")], OTHER: [copy("two", file_id=OTHER)]}
    with pytest.raises(InvalidRequest, match="No single deployment of the model a holds all files"):
        routing.choose("a", DEPLOYMENTS, EVERYONE, files)
