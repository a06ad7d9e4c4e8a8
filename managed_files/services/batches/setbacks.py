"""What becomes of a batch's part after a step that failed. Pure: part and failure in, a verdict out."""

from dataclasses import dataclass

from managed_files.batch_records import Part
from managed_files.errors import ConfigError, InvalidRequest, ProviderFailed

_LONGEST_DELAY = 600.0  # seconds
_MOST_ATTEMPTS = 8  # at a step that fails each time
_MOST_LOOKS = 150  # the same where it may pass, or the operator may mend it: about a day, at the longest delay
_OF_THE_OPERATOR = (401, 403)
_LATER = (None, 429, 502, 503, 504, 529)  # what is away, or has no room for another job now (None: no answer at all)
EXPLAINED = (ProviderFailed, InvalidRequest, ConfigError)  # failures with a message; any other is a mistake of ours
_OUR_OWN = "The gateway failed at this part of the batch."


@dataclass(frozen=True, slots=True)
class Again:
    """The step is tried again in `delay` seconds. `sure`: what failed left no job behind."""

    error: str
    delay: float
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Over:
    """The part's job has failed, and with it the lines that it did not answer."""

    error: str


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The part has failed as a whole, whatever may still be at the provider: its results cannot be had."""

    error: str


Verdict = Again | Over | GivenUp


def verdict(part: Part, failure: Exception, pause: float) -> Verdict:
    """`pause`: seconds to the second attempt; later ones are further and further apart."""
    match failure:
        case ProviderFailed():
            return _postponed(part, failure, pause)
        case InvalidRequest():
            return Over(failure.message)
        case ConfigError():
            return _for_the_operator(part, failure)
    return _fails_in_the_end(part, _OUR_OWN, _MOST_ATTEMPTS, pause)


def _postponed(part: Part, failure: ProviderFailed, pause: float) -> Verdict:
    """What may pass is repeated. A job that cannot be made fails its lines; one that was made has a day longer.

    So has one for which its provider has no room, and one that may have been made, at least until its time is over.
    """
    if part.state != "waiting":
        passing = failure.retryable or failure.upstream_status in _OF_THE_OPERATOR
        return _fails_in_the_end(part, failure.message, _MOST_LOOKS if passing else _MOST_ATTEMPTS, pause)
    most = _MOST_LOOKS if failure.upstream_status in _LATER else _MOST_ATTEMPTS
    if not failure.ambiguous and (not failure.retryable or part.attempts >= most):
        return Over(failure.message)
    if part.overdue and part.attempts >= _MOST_LOOKS:
        return GivenUp(failure.message)
    return Again(failure.message, _delay(part, pause), sure=not failure.ambiguous)


def _for_the_operator(part: Part, error: ConfigError) -> Verdict:
    """A batch outlives a mistake in the configuration: only one that is overdue fails for it, and later its results."""
    if part.overdue and part.results == "none" and not part.ended:
        return Over(error.message)
    if part.overdue and part.results == "none" and part.attempts >= _MOST_LOOKS:
        return GivenUp(error.message)
    return Again(error.message, _LONGEST_DELAY)


def _fails_in_the_end(part: Part, error: str, most: int, pause: float) -> Verdict:
    """Another time, or never after `most` attempts. What is to be deleted is never given up, as it would stay."""
    stuck = part.results == "none" and part.attempts >= most
    if stuck and (part.ended or part.overdue or part.state == "waiting"):
        return GivenUp(error)
    return Again(error, _delay(part, pause))


def _delay(part: Part, pause: float) -> float:
    return min(_LONGEST_DELAY, pause * 2.0 ** min(part.attempts, 10))
