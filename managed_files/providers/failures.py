"""Turns a provider's refusal, or its silence, into a ProviderFailed. Pure: plain values in, an error out."""

import math
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from managed_files.errors import ProviderFailed, UpstreamError
from managed_files.providers import error_bodies

_RETRYABLE = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
# Groq means "too many requests" by 498; 424 is a dependency of the provider that failed, not the client's request.
_MEANT = {498: 429, 424: 502}
# 429s that no waiting cures: OpenAI's by type `insufficient_quota` or a code, Anthropic's by one of the last two.
_SPENT = frozenset(
    {
        "insufficient_quota",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
    }
)
_CREDENTIAL = re.compile(r"\b(?:sk|gsk|xai|ya29|eyJ)[-._\w][\w.*+/=-]{6,}|\bAIza[\w-]{8,}|(?<=Bearer )[\w.+/=-]{8,}")
_SHORTEST_SECRET = 4
_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")  # RFC 9110, 5.6.7


def refusal(
    provider: str, status: int, headers: Mapping[str, str], body: bytes, secrets: Iterable[str] = ()
) -> ProviderFailed:
    """The error for an answer that is not a success.

    `headers`: a mapping that ignores case. `secrets`: the credentials that the request carried, as some servers quote
    them. A 401 or 403 keeps the provider's words, for the operator, but not its code: "invalid_api_key" would tell
    the client that its own key is wrong.
    """
    fields, message = error_bodies.read(body)
    status = 401 if _reason(fields) == "API_KEY_INVALID" else _MEANT.get(status, status)
    ours = status in (401, 403)
    return ProviderFailed(
        provider,
        f"{provider} answered {status}: {without_secrets(message or _phrase(status), secrets)}",
        upstream_status=status,
        retryable=_retryable(status, headers, fields),
        ambiguous=status >= 500 or status == 408,  # a proxy in between may answer for a provider that did the work
        retry_after=_retry_after(headers, fields),
        code="provider_credentials_refused" if ours else _code(headers, fields),
        param=None if ours else _text(fields.get("param")),
    )


def no_answer(provider: str, error: UpstreamError) -> ProviderFailed:
    """The error for a request that got no usable answer. Raise it `from` the UpstreamError."""
    what = {
        "refused": "could not be reached",
        "timeout": "did not answer in time",
        "cut": "closed the connection before its answer was complete",
    }[error.kind]
    return ProviderFailed(
        provider, f"{provider} {what}.", retryable=True, timeout=error.kind == "timeout", ambiguous=error.sent
    )


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """The text without the given credentials, and without what looks like one."""
    for secret in sorted(secrets, key=len, reverse=True):  # a shorter one may be part of a longer one
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "[redacted]")
    return _CREDENTIAL.sub("[redacted]", text)


def _code(headers: Mapping[str, str], fields: Mapping[str, Any]) -> str | None:
    """In the body, or Amazon's way in a header, with an address behind it."""
    kind = headers.get("x-amzn-errortype", "").partition(":")[0]
    return _text(fields.get("code")) or _text(fields.get("status")) or kind or None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "no reason given"


def _retryable(status: int, headers: Mapping[str, str], fields: Mapping[str, Any]) -> bool:
    advice = headers.get("x-should-retry", "").lower()
    if advice in ("true", "false"):
        return advice == "true"
    return status in _RETRYABLE and _SPENT.isdisjoint(map(str, _codes(fields)))


def _codes(fields: Mapping[str, Any]) -> list[Any]:
    """What may name the reason: type and code at OpenAI, `details.error_code` at Anthropic."""
    details = fields.get("details")
    below = details.get("error_code") if isinstance(details, dict) else None
    return [fields.get("type"), fields.get("code"), below]


def _retry_after(headers: Mapping[str, str], fields: Mapping[str, Any]) -> str | None:
    """Whole seconds, rounded up, or the provider's HTTP date as it stands. Google says it in the body: "34s"."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return str(math.ceil(milliseconds / 1000))
    header = headers.get("retry-after", "").strip()
    if _DATE.fullmatch(header):
        return header
    said = [header, *(str(item["retryDelay"]).removesuffix("s") for item in _details(fields, "retryDelay"))]
    seconds = next((number for number in map(_number, said) if number is not None), None)
    return None if seconds is None else str(math.ceil(seconds))


def _reason(fields: Mapping[str, Any]) -> Any:
    return next((item["reason"] for item in _details(fields, "reason")), None)


def _details(fields: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    return [item for item in error_bodies.details(fields) if key in item]


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d*)?", text.strip(), re.ASCII) else None


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None
