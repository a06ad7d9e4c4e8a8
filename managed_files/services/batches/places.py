"""Where a line of a batch is answered. Pure functions of values."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from managed_files.batch_records import CHAT, Place
from managed_files.errors import ConfigError, InvalidRequest
from managed_files.records import Caller, Deployment
from managed_files.services import routing
from managed_files.services.routing import Files, Groups


@dataclass(frozen=True, slots=True)
class Offers:
    """By account: the endpoints for which its provider takes batches, and those beside chat that it has at all."""

    batches: Mapping[str, Collection[str]]
    relays: Mapping[str, Collection[str]]


def place_of(deployment: Deployment) -> Place:
    """The deployment by what survives a restart."""
    return Place(deployment.model_group, deployment.target, deployment.account.name, deployment.provider)


def deployment_at(place: Place, deployments: Sequence[Deployment]) -> Deployment:
    """The deployment of a place. Raises ConfigError if the configuration has it no longer."""
    for deployment in deployments:
        if place_of(deployment) == place:
            return deployment
    raise ConfigError(
        f"The configuration has no {place.deployment} of {place.model_group} at {place.account} any more."
    )


def deployment_near(place: Place, deployments: Sequence[Deployment]) -> Deployment:
    """The deployment of a place, or another one of its account: what is there can be deleted without its model."""
    others = (deployment for deployment in deployments if deployment.account.name == place.account)
    try:
        return deployment_at(place, deployments)
    except ConfigError:
        if (other := next(others, None)) is None:
            raise
        return other


def choose(
    model: str, url: str, files: Files, groups: Groups, offers: Offers, caller: Caller, now: float
) -> Deployment:
    """The deployment of a model group that takes a line, one with a batch API before one without.

    `files`: those that the line names. `now` in Unix seconds. Raises InvalidRequest saying what is in the way.
    """
    holders = routing.holders(routing.group(model, groups, caller), files, now)
    if not holders:
        error = routing.nobody_holds(model, groups, caller, files, now)
        raise InvalidRequest(error.message)
    for deployment in holders:
        if not runs_itself(deployment, url, offers):
            return deployment
    for deployment in holders:
        if url == CHAT or url in offers.relays.get(deployment.account.name, ()):
            return deployment
    raise InvalidRequest(f"the model {model} does not take {url} in batches")


def runs_itself(deployment: Deployment, url: str, offers: Offers) -> bool:
    """Whether the gateway has to run such lines itself."""
    return url not in offers.batches.get(deployment.account.name, ())
