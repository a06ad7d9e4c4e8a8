"""What a failure says of the next attempt: elsewhere, later, or not at all. Pure but for the clock and the jitter."""

import random
import re
import time
from email.utils import parsedate_to_datetime

from managed_files.errors import Conflict, GatewayError, InvalidRequest, ProviderFailed, Unavailable
from managed_files.services import routing

_FIRST_PAUSE = 0.25  # seconds, doubled with every retry
_LONGEST_PAUSE = 10.0  # seconds; a client waits for the answer, and can come back itself after a longer Retry-After
_TOO_LONG = re.compile(
    r"context.?(length|window)|maximum context|(prompt|input) is too long|too many (input )?tokens|input token count",
    re.IGNORECASE,
)


def speaks_of_health(failure: ProviderFailed) -> bool:
    """Whether a failure is the deployment's own: no answer, 401, 403, 408, 429, 5xx, or a redirect to where nothing is.

    A refused request is not.
    """
    status = failure.upstream_status
    return status is None or status in (401, 403, 408, 429) or not 400 <= status < 500


def too_long(error: GatewayError) -> bool:
    """Whether the prompt does not fit the model. Providers have no common code for it, so their words count too."""
    if not isinstance(error, ProviderFailed) or error.upstream_status not in (None, 400, 413, 422):
        return False
    return error.code == "context_length_exceeded" or _TOO_LONG.search(error.message) is not None


def another_group_may_do(error: GatewayError) -> bool:
    """Whether a fallback is asked: the deployments failed or are full, lack a file, or cannot take so long a prompt."""
    if isinstance(error, ProviderFailed):
        return speaks_of_health(error) or error.upstream_status == 404 or too_long(error)
    return isinstance(error, Conflict | Unavailable) or (
        type(error) is InvalidRequest and error.code == routing.NO_COPY
    )


def pause_before(retry: int, failure: ProviderFailed, *, others: bool) -> float | None:
    """Seconds before retry number `retry` (from 0), None if there should be none. Others are tried at once."""
    if others and (speaks_of_health(failure) or failure.upstream_status == 404):
        return 0.0
    asked = asked_to_wait(failure)
    if not failure.retryable or asked > _LONGEST_PAUSE:
        return None
    return max(asked, _FIRST_PAUSE * 2.0**retry) * random.uniform(1.0, 1.25)  # noqa: S311 - jitter, not a secret


def asked_to_wait(failure: ProviderFailed) -> float:
    """Seconds from now that its Retry-After means, 0 without one; it may be a number or an HTTP date."""
    text = failure.retry_after or ""
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    except ValueError:
        return 0.0
