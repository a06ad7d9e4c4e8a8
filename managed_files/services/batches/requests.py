"""What a client may ask of a new batch. Pure: its fields and the file's inputs in, the inputs to run out."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from managed_files.batch_records import ENDPOINTS, Input, Once
from managed_files.errors import InvalidRequest
from managed_files.records import Caller
from managed_files.services import routing

_WINDOW = re.compile(r"([0-9]{1,3})([hd])")
_SECONDS = {"h": 3600, "d": 86_400}
_SHORTEST, _LONGEST = 3600, 7 * 86_400


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """The body of POST /batches, its types checked. `model`: which target of the file is to run, for a file of several.

    `output_expires_after` in seconds.
    """

    input_file_id: str
    endpoint: str
    completion_window: str = "24h"
    metadata: Mapping[str, str] | None = None
    output_expires_after: int | None = None
    model: str | None = None
    webhook_url: str | None = None


def once(key: str | None, request: BatchRequest | str) -> Once | None:
    """`request`: of a new batch, or the id of a batch that is to be retried. None without a key."""
    asked = request if isinstance(request, str) else json.dumps(asdict(request), sort_keys=True)
    return None if key is None else Once(key, hashlib.blake2b(asked.encode(), digest_size=16).digest())


def window(text: str) -> int:
    """Seconds of `24h`, `7d` and the like. Raises InvalidRequest."""
    found = _WINDOW.fullmatch(text)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not _SHORTEST <= seconds <= _LONGEST:
        raise InvalidRequest("'completion_window' has to be 24h, or from 1h to 7d.", param="completion_window")
    return seconds


def chosen(request: BatchRequest, inputs: Sequence[Input], caller: Caller) -> list[Input]:
    """The inputs that the batch runs: those of one target, or all. Raises InvalidRequest naming the field."""
    if request.endpoint not in ENDPOINTS:
        raise InvalidRequest(f"'endpoint' has to be one of {', '.join(ENDPOINTS)}.", param="endpoint")
    if not inputs:
        raise InvalidRequest("The file was not uploaded with the purpose 'batch'.", param="input_file_id")
    if inputs[0].endpoint != request.endpoint:
        raise InvalidRequest(f"The file's lines are for {inputs[0].endpoint}.", param="endpoint")
    target = _target(request.model, inputs)
    found = [item for item in inputs if item.target == target]
    for item in found:
        if not caller.may_use(item.place.model_group):
            raise routing.no_such_model(item.place.model_group)
        if not item.readable:
            raise InvalidRequest(
                "The gateway keeps lines only until they are answered, and those of this file are. Upload it again.",
                param="input_file_id",
            )
    return found


def _target(model: str | None, inputs: Sequence[Input]) -> str | None:
    """The first target, unless the request names another one: as at an upload, by its public name or else its entry."""
    targets = list(dict.fromkeys(item.target for item in inputs))
    if model is None:
        return targets[0]
    if model in targets:
        return model
    for item in inputs:
        if item.target is not None and model == item.place.deployment:
            return item.target
    told = "each of its lines names its own model" if targets == [None] else f"it was uploaded for {_listed(targets)}"
    raise InvalidRequest(f"The file cannot run at {model[:200]!r}: {told}.", param="model")


def _listed(targets: Sequence[str | None]) -> str:
    return ", ".join(target for target in targets if target)
