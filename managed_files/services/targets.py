"""The deployments behind `target_model_names`. Pure."""

from collections.abc import Mapping, Sequence

from managed_files.errors import InvalidRequest
from managed_files.records import Caller, Deployment


def targets(
    names: Sequence[str], default: Sequence[str], deployments: Sequence[Deployment], caller: Caller
) -> list[Deployment]:
    """The deployments behind `target_model_names`: public names or `provider/model` as the configuration has it.

    What is both means the public name, whether this caller may use it or not: a file goes to no account that nobody
    named. Pure. Raises InvalidRequest naming the first entry that is unknown or not allowed, and those that are.
    """
    allowed = [deployment for deployment in deployments if caller.may_use(deployment.model_group)]
    known = ", ".join(dict.fromkeys(deployment.model_group for deployment in allowed)) or "none"
    wanted = names or default
    if not wanted:
        raise InvalidRequest(
            f"target_model_names is missing. Name the models that the file is for, of: {known}.",
            param="target_model_names",
        )
    public = {deployment.model_group for deployment in deployments}
    found: list[Deployment] = []
    for name in wanted:
        matching = [item for item in allowed if name == (item.model_group if name in public else item.target)]
        if not matching:
            raise InvalidRequest(
                f"target_model_names: {name[:200]!r} is not a model that this key may use. Allowed: {known}.",
                param="target_model_names",
            )
        found += matching
    return found


def storing(found: Sequence[Deployment], stores: Mapping[str, bool]) -> list[Deployment]:
    """Those whose account stores files; a group may hold others beside them. Pure. `stores`: by account.

    Raises InvalidRequest for a group of which none does.
    """
    kept = [deployment for deployment in found if stores[deployment.account.name]]
    groups = {deployment.model_group for deployment in kept}
    for deployment in found:
        if deployment.model_group not in groups:
            raise InvalidRequest(
                f"target_model_names: {deployment.model_group} is served by {deployment.provider}, which stores no "
                "files for chat. Leave it out.",
                param="target_model_names",
            )
    return kept
