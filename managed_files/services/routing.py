"""Which deployment answers a chat request. Pure functions of values."""

import time
from collections.abc import Mapping, Sequence

from managed_files.errors import Conflict, GatewayError, InvalidRequest, NotFound
from managed_files.records import Caller, Copy, CopyState, Deployment

Files = Mapping[str, Sequence[Copy]]  # file id → its copies


def choose(model: str, deployments: Sequence[Deployment], caller: Caller, files: Files) -> Deployment:
    """The first deployment of the group that holds every file.

    Raises NotFound for a model this caller may not use, InvalidRequest naming the models that have the file.
    """
    allowed = [deployment for deployment in deployments if caller.may_use(deployment.model_group)]
    group = [deployment for deployment in allowed if model == deployment.model_group]
    if not group:
        raise no_such_model(model)
    for deployment in group:
        if all(usable(copies, deployment.account.name) for copies in files.values()):
            return deployment
    raise _nobody_holds(model, group, allowed, files)


def no_such_model(model: str) -> NotFound:
    """OpenAI's answer for a model that does not exist or may not be used."""
    return NotFound(
        f"The model {model[:200]!r} does not exist or this key may not use it.", param="model", code="model_not_found"
    )


def usable(copies: Sequence[Copy], account: str) -> Copy | None:
    """The copy at this account, if a chat can use it now."""
    now = time.time()
    return next(
        (
            copy
            for copy in copies
            if copy.account == account
            and copy.state is CopyState.READY
            and (copy.expires_at is None or copy.expires_at > now)
        ),
        None,
    )


def _nobody_holds(model: str, group: Sequence[Deployment], allowed: Sequence[Deployment], files: Files) -> GatewayError:
    accounts = {deployment.account.name for deployment in group}
    for file_id, copies in files.items():
        if any(usable(copies, account) for account in accounts):
            continue
        if any(copy.account in accounts and copy.state is CopyState.PROCESSING for copy in copies):
            error = Conflict(f"The file {file_id} is still being processed for the model {model}. Try again soon.")
            error.retry_after = "2"
            return error
        holders = dict.fromkeys(item.model_group for item in allowed if usable(copies, item.account.name))
        return InvalidRequest(
            f"The file {file_id} has no copy that the model {model} can use. Models that have one: "
            f"{', '.join(holders) or 'none'}. Use one of them, or upload the file again with {model} among its "
            "target_model_names.",
            param="model",
        )
    return InvalidRequest(f"No single deployment of the model {model} holds all files of this request.", param="model")
